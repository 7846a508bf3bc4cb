// Numbers and sums that all kernels share: f32, and bf16 as its upper sixteen bits.
#pragma once

struct bf16 {
    unsigned short bits;
};

__device__ __forceinline__ float read(float x) { return x; }
__device__ __forceinline__ float read(bf16 x) {
    return __uint_as_float(static_cast<unsigned>(x.bits) << 16);
}

__device__ __forceinline__ void write(float* at, float x) { *at = x; }
// Round to nearest, ties to even; NaN stays NaN.
__device__ __forceinline__ void write(bf16* at, float x) {
    unsigned bits = __float_as_uint(x);
    bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    at->bits = nan ? static_cast<unsigned short>((bits >> 16) | 0x40u)
                   : static_cast<unsigned short>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// Sum over the block, the same in every thread. `scratch` holds 32 floats; blockDim.x is a
// multiple of 32, at most 1024. The order of the sum is fixed.
__device__ inline float block_sum(float x, float* scratch) {
    for (int step = 16; step > 0; step >>= 1) {
        x += __shfl_xor_sync(0xffffffffu, x, step);
    }
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    __syncthreads();
    if (lane == 0) {
        scratch[warp] = x;
    }
    __syncthreads();
    float total = 0.0f;
    for (int i = 0; i < static_cast<int>(blockDim.x >> 5); ++i) {
        total += scratch[i];
    }
    return total;
}

__device__ __forceinline__ float silu(float x) { return x / (1.0f + __expf(-x)); }
__device__ __forceinline__ float gelu_erf(float x) {
    return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
}

// One entry point for each number type: NAME_f32 and NAME_bf16.
#define FOR_BOTH(name, parameters, call)                                   \
    extern "C" __global__ void name##_f32 parameters(float) { call; }      \
    extern "C" __global__ void name##_bf16 parameters(bf16) { call; }
