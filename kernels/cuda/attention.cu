// softmax(q·kᵀ·scale + bias)·v with the softmax taken along the way (Dao et al. 2022), so that no
// matrix of queries by keys is stored. The CPU twin is src/cpu/attention.rs.
//
// CUDA cores with f32 sums; the tensor cores are not used.
#include "common.cuh"

constexpr int QUERIES = 32;  // of one block
constexpr int KEYS = 16;     // of one step
constexpr int LANES = 8;     // threads of one query
constexpr int MAX_DIM = 128;

// q, y [batch, queries, heads * dim]; k, v [batch, keys, heads * dim]; bias, if not null, f32 with
// its own strides for batch, head and query, 0 where an axis is shared. Blocks of 256;
// gridDim = (ceil(queries / 32), heads, batch); dim is at most 128.
template <typename T>
__device__ void attention(const T* q, const T* k, const T* v, const float* bias, T* y, int queries,
                          int keys, int heads, int dim, float scale, long long bias_batch,
                          long long bias_head, long long bias_query) {
    __shared__ float q_rows[QUERIES][MAX_DIM];
    __shared__ float k_rows[KEYS][MAX_DIM];
    __shared__ float v_rows[KEYS][MAX_DIM];
    __shared__ float scores[QUERIES][KEYS + 1];
    int head = blockIdx.y, sample = blockIdx.z, first = blockIdx.x * QUERIES;
    int row = threadIdx.x / LANES, lane = threadIdx.x % LANES, query = first + row;
    int width = heads * dim;
    auto place = [&](int token, int tokens, int column) {
        return (static_cast<long long>(sample) * tokens + token) * width + head * dim + column;
    };
    for (int i = threadIdx.x; i < QUERIES * dim; i += blockDim.x) {
        int token = first + i / dim;
        q_rows[i / dim][i % dim] =
            token < queries ? read(q[place(token, queries, i % dim)]) * scale : 0.0f;
    }
    float seen[MAX_DIM / LANES] = {};
    float peak = -INFINITY, total = 0.0f;
    const float* row_bias =
        bias ? bias + sample * bias_batch + head * bias_head + query * bias_query : nullptr;

    for (int start = 0; start < keys; start += KEYS) {
        __syncthreads();
        for (int i = threadIdx.x; i < KEYS * dim; i += blockDim.x) {
            int token = start + i / dim;
            bool inside = token < keys;
            k_rows[i / dim][i % dim] = inside ? read(k[place(token, keys, i % dim)]) : 0.0f;
            v_rows[i / dim][i % dim] = inside ? read(v[place(token, keys, i % dim)]) : 0.0f;
        }
        __syncthreads();
        for (int j = lane; j < KEYS; j += LANES) {
            float score = -INFINITY;
            if (start + j < keys && query < queries) {
                score = 0.0f;
                for (int d = 0; d < dim; ++d) {
                    score += q_rows[row][d] * k_rows[j][d];
                }
                if (row_bias) {
                    score += row_bias[start + j];
                }
            }
            scores[row][j] = score;
        }
        __syncwarp();
        float next = peak;
        for (int j = 0; j < KEYS; ++j) {
            next = fmaxf(next, scores[row][j]);
        }
        // Nothing to see yet: leave sums at zero instead of computing inf - inf.
        float kept = next == -INFINITY ? 1.0f : __expf(peak - next);
        total *= kept;
        for (int i = 0; i < MAX_DIM / LANES; ++i) {
            seen[i] *= kept;
        }
        for (int j = 0; j < KEYS; ++j) {
            float weight = next == -INFINITY ? 0.0f : __expf(scores[row][j] - next);
            total += weight;
            for (int i = 0, d = lane; d < dim; ++i, d += LANES) {
                seen[i] += weight * v_rows[j][d];
            }
        }
        peak = next;
    }
    if (query < queries) {
        float share = total > 0.0f ? 1.0f / total : 0.0f;
        for (int i = 0, d = lane; d < dim; ++i, d += LANES) {
            write(&y[place(query, queries, d)], seen[i] * share);
        }
    }
}

#define ATTENTION(T)                                                                       \
    (const T* q, const T* k, const T* v, const float* bias, T* y, int queries, int keys,   \
     int heads, int dim, float scale, long long bias_batch, long long bias_head,           \
     long long bias_query)
FOR_BOTH(attention, ATTENTION,
         attention(q, k, v, bias, y, queries, keys, heads, dim, scale, bias_batch, bias_head,
                   bias_query))
