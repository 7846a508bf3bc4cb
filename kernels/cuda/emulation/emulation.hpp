// As much of CUDA as the kernels use, on threads of the processor: one thread for each of a block,
// block after block. For comparing results where there is no GPU; slow.
#pragma once

#include <barrier>
#include <cmath>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#define __global__
#define __device__
#define __forceinline__ inline
#define __shared__ static // one block runs at a time

struct Dim {
    unsigned x = 1, y = 1, z = 1;
};

inline thread_local Dim threadIdx, blockIdx;
inline Dim blockDim, gridDim;

struct Warp {
    std::barrier<> barrier{32};
    float lanes[32];
};
inline std::unique_ptr<std::barrier<>> block_barrier;
inline std::vector<std::unique_ptr<Warp>> warps;

inline void __syncthreads() { block_barrier->arrive_and_wait(); }
inline Warp& own_warp() { return *warps[threadIdx.x / 32]; }
inline void __syncwarp() { own_warp().barrier.arrive_and_wait(); }

inline float __shfl_xor_sync(unsigned, float x, int step) {
    Warp& warp = own_warp();
    warp.lanes[threadIdx.x % 32] = x;
    warp.barrier.arrive_and_wait();
    float other = warp.lanes[threadIdx.x % 32 ^ step];
    warp.barrier.arrive_and_wait();
    return other;
}

template <typename To, typename From>
To same_bits(From from) {
    To to;
    static_assert(sizeof to == sizeof from);
    std::memcpy(&to, &from, sizeof to);
    return to;
}
inline float __uint_as_float(unsigned x) { return same_bits<float>(x); }
inline unsigned __float_as_uint(float x) { return same_bits<unsigned>(x); }
inline float __expf(float x) { return std::exp(x); }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }

// Runs `kernel()` in every thread of `grid` blocks of `threads` threads (a multiple of 32).
template <typename Kernel>
void launch(Dim grid, unsigned threads, Kernel kernel) {
    gridDim = grid;
    blockDim = {threads, 1, 1};
    block_barrier = std::make_unique<std::barrier<>>(threads);
    warps.clear();
    for (unsigned i = 0; i < threads / 32; ++i) {
        warps.push_back(std::make_unique<Warp>());
    }
    std::vector<std::thread> running;
    for (unsigned i = 0; i < threads; ++i) {
        running.emplace_back([&, i] {
            threadIdx = {i, 0, 0};
            for (unsigned z = 0; z < grid.z; ++z) {
                for (unsigned y = 0; y < grid.y; ++y) {
                    for (unsigned x = 0; x < grid.x; ++x) {
                        blockIdx = {x, y, z};
                        kernel();
                        __syncthreads();
                    }
                }
            }
        });
    }
    for (std::thread& thread : running) {
        thread.join();
    }
}
