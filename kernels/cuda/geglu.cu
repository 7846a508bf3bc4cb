// GEGLU (Shazeer 2020): rows of value and gate become value * gelu_erf(gate). The CPU twin is in
// src/cpu/activation.rs.
#include "common.cuh"

// x [rows, 2 * dim], y [rows, dim]; any grid covers all elements.
template <typename T>
__device__ void geglu(const T* x, T* y, long long rows, int dim) {
    long long step = static_cast<long long>(gridDim.x) * blockDim.x;
    for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
         i < rows * dim; i += step) {
        const T* row = x + i / dim * (2 * dim);
        int column = static_cast<int>(i % dim);
        write(&y[i], read(row[column]) * gelu_erf(read(row[dim + column])));
    }
}

#define GEGLU(T) (const T* x, T* y, long long rows, int dim)
FOR_BOTH(geglu, GEGLU, geglu(x, y, rows, dim))
