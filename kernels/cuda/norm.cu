// Group norm with SiLU (Wu and He 2018), layer norm (Ba et al. 2016), RMS norm (Zhang and
// Sennrich 2019), channels-last. The CPU twins are in src/cpu/norm.rs.
#include "common.cuh"

// x, y [batch, pixels, channels]; weight, bias [channels]. One block of 256 for each sample and
// group: gridDim.x = batch * groups. Sums in f32, the variance about the mean in a second pass.
template <typename T>
__device__ void group_norm(const T* x, const float* weight, const float* bias, T* y, int pixels,
                           int channels, int groups, float eps, int with_silu) {
    __shared__ float scratch[32];
    int width = channels / groups;
    int group = blockIdx.x % groups;
    long long first = static_cast<long long>(blockIdx.x / groups) * pixels * channels +
                      static_cast<long long>(group) * width;
    long long count = static_cast<long long>(pixels) * width;
    auto at = [&](long long i) { return first + i / width * channels + i % width; };

    float sum = 0.0f;
    for (long long i = threadIdx.x; i < count; i += blockDim.x) {
        sum += read(x[at(i)]);
    }
    float mean = block_sum(sum, scratch) / count;
    float squares = 0.0f;
    for (long long i = threadIdx.x; i < count; i += blockDim.x) {
        float d = read(x[at(i)]) - mean;
        squares += d * d;
    }
    float scale = rsqrtf(block_sum(squares, scratch) / count + eps);
    for (long long i = threadIdx.x; i < count; i += blockDim.x) {
        int channel = group * width + static_cast<int>(i % width);
        float v = (read(x[at(i)]) - mean) * scale * weight[channel] + bias[channel];
        write(&y[at(i)], with_silu ? silu(v) : v);
    }
}

// x, y [rows, dim]. One block of 128 for each row. `bias` may be null; without centring it is the
// RMS norm.
template <typename T>
__device__ void row_norm(const T* x, const float* weight, const float* bias, T* y, int dim,
                         float eps, bool centred) {
    __shared__ float scratch[32];
    const T* row = x + static_cast<long long>(blockIdx.x) * dim;
    T* out = y + static_cast<long long>(blockIdx.x) * dim;
    float mean = 0.0f;
    if (centred) {
        float sum = 0.0f;
        for (int i = threadIdx.x; i < dim; i += blockDim.x) {
            sum += read(row[i]);
        }
        mean = block_sum(sum, scratch) / dim;
    }
    float squares = 0.0f;
    for (int i = threadIdx.x; i < dim; i += blockDim.x) {
        float d = read(row[i]) - mean;
        squares += d * d;
    }
    float scale = rsqrtf(block_sum(squares, scratch) / dim + eps);
    for (int i = threadIdx.x; i < dim; i += blockDim.x) {
        float v = (read(row[i]) - mean) * scale * weight[i];
        write(&out[i], bias ? v + bias[i] : v);
    }
}

#define GROUP_NORM(T)                                                                         \
    (const T* x, const float* weight, const float* bias, T* y, int pixels, int channels,      \
     int groups, float eps, int with_silu)
FOR_BOTH(group_norm, GROUP_NORM,
         group_norm(x, weight, bias, y, pixels, channels, groups, eps, with_silu))

#define LAYER_NORM(T) \
    (const T* x, const float* weight, const float* bias, T* y, int dim, float eps)
FOR_BOTH(layer_norm, LAYER_NORM, row_norm(x, weight, bias, y, dim, eps, true))

#define RMS_NORM(T) (const T* x, const float* weight, T* y, int dim, float eps)
FOR_BOTH(rms_norm, RMS_NORM,
         row_norm(x, weight, static_cast<const float*>(nullptr), y, dim, eps, false))
