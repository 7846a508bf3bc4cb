// Convolutions, channels-last, as products of gathered rows with the weight: nothing is unrolled
// in memory. The CPU twins are in src/cpu/conv.rs. CUDA cores with f32 sums.
#include "common.cuh"

constexpr int PIXELS = 64;   // output pixels of one block
constexpr int COLUMNS = 64;  // output channels of one block
constexpr int STEP = 16;     // input channels of one step

// x [batch, in_rows, in_columns, depth], weight f32 [kernel_rows, kernel_columns, depth, width],
// bias [width] or null, residual as y or null, y [batch, out_rows, out_columns, width].
// Blocks of 256; gridDim = (ceil(batch * out_rows * out_columns / 64), ceil(width / 64)).
template <typename T>
__device__ void conv2d(const T* x, const float* weight, const float* bias, const T* residual, T* y,
                       int batch, int in_rows, int in_columns, int depth, int kernel_rows,
                       int kernel_columns, int stride, int top, int left, int dilation,
                       int out_rows, int out_columns, int width) {
    __shared__ float pixels[STEP][PIXELS + 1];
    __shared__ float filters[STEP][COLUMNS];
    long long count = static_cast<long long>(batch) * out_rows * out_columns;
    long long first = static_cast<long long>(blockIdx.x) * PIXELS;
    int first_column = blockIdx.y * COLUMNS;
    int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
    float sums[4][4] = {};
    for (int tap = 0; tap < kernel_rows * kernel_columns; ++tap) {
        int dy = tap / kernel_columns * dilation - top, dx = tap % kernel_columns * dilation - left;
        for (int start = 0; start < depth; start += STEP) {
            for (int i = threadIdx.x; i < STEP * PIXELS; i += blockDim.x) {
                int channel = start + i % STEP;
                long long pixel = first + i / STEP;
                float value = 0.0f;
                if (pixel < count && channel < depth) {
                    long long sample = pixel / (out_rows * out_columns);
                    int place = static_cast<int>(pixel % (out_rows * out_columns));
                    int row = place / out_columns * stride + dy;
                    int column = place % out_columns * stride + dx;
                    if (row >= 0 && row < in_rows && column >= 0 && column < in_columns) {
                        value = read(
                            x[((sample * in_rows + row) * in_columns + column) * depth + channel]);
                    }
                }
                pixels[i % STEP][i / STEP] = value;
            }
            for (int i = threadIdx.x; i < STEP * COLUMNS; i += blockDim.x) {
                int channel = start + i / COLUMNS, column = first_column + i % COLUMNS;
                bool inside = channel < depth && column < width;
                filters[i / COLUMNS][i % COLUMNS] =
                    inside ? weight[(static_cast<long long>(tap) * depth + channel) * width + column]
                           : 0.0f;
            }
            __syncthreads();
            for (int step = 0; step < STEP; ++step) {
                for (int i = 0; i < 4; ++i) {
                    float value = pixels[step][ty + 16 * i];
                    for (int j = 0; j < 4; ++j) {
                        sums[i][j] += value * filters[step][tx + 16 * j];
                    }
                }
            }
            __syncthreads();
        }
    }
    for (int i = 0; i < 4; ++i) {
        for (int j = 0; j < 4; ++j) {
            long long pixel = first + ty + 16 * i;
            int column = first_column + tx + 16 * j;
            if (pixel < count && column < width) {
                long long at = pixel * width + column;
                float value = sums[i][j] + (bias ? bias[column] : 0.0f);
                write(&y[at], residual ? value + read(residual[at]) : value);
            }
        }
    }
}

// x [batch, time, depth], weight f32 [kernel, depth, width], y [batch, out_time, width] with
// out_time = (time - 1) * stride + kernel - 2 * padding. Any grid covers all outputs; each gathers
// the inputs that reach it, so nothing is added atomically and no zero is multiplied.
template <typename T>
__device__ void conv_transpose1d(const T* x, const float* weight, const float* bias, T* y,
                                 int batch, int time, int depth, int kernel, int stride,
                                 int padding, int out_time, int width) {
    long long count = static_cast<long long>(batch) * out_time * width;
    long long step = static_cast<long long>(gridDim.x) * blockDim.x;
    for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
         i += step) {
        int column = static_cast<int>(i % width);
        int out = static_cast<int>(i / width % out_time);
        const T* sample = x + i / width / out_time * time * depth;
        float sum = bias ? bias[column] : 0.0f;
        for (int tap = (out + padding) % stride; tap < kernel; tap += stride) {
            int at = (out + padding - tap) / stride;
            if (out + padding < tap || at >= time) {
                continue;
            }
            const T* row = sample + static_cast<long long>(at) * depth;
            const float* filter = weight + static_cast<long long>(tap) * depth * width + column;
            for (int channel = 0; channel < depth; ++channel) {
                sum += read(row[channel]) * filter[static_cast<long long>(channel) * width];
            }
        }
        write(&y[i], sum);
    }
}

#define CONV2D(T)                                                                              \
    (const T* x, const float* weight, const float* bias, const T* residual, T* y, int batch,   \
     int in_rows, int in_columns, int depth, int kernel_rows, int kernel_columns, int stride,  \
     int top, int left, int dilation, int out_rows, int out_columns, int width)
FOR_BOTH(conv2d, CONV2D,
         conv2d(x, weight, bias, residual, y, batch, in_rows, in_columns, depth, kernel_rows,
                kernel_columns, stride, top, left, dilation, out_rows, out_columns, width))

#define CONV_TRANSPOSE1D(T)                                                                  \
    (const T* x, const float* weight, const float* bias, T* y, int batch, int time, int depth, \
     int kernel, int stride, int padding, int out_time, int width)
FOR_BOTH(conv_transpose1d, CONV_TRANSPOSE1D,
         conv_transpose1d(x, weight, bias, y, batch, time, depth, kernel, stride, padding,
                          out_time, width))
