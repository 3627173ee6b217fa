#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

// What the kernels of this folder are written in. nvcc makes instructions of the GPU of it. Any other compiler makes calls of an
// emulated block of threads (emulated_block.h), so that the very same kernels run, and are tested, where there is no GPU. The two kinds
// lie in namespaces of their own, because a test program may hold both.
#ifdef __CUDACC__
#define DROVER_DEVICE_NAMESPACE on_gpu
#define DROVER_DEVICE __device__ __forceinline__
#define DROVER_KERNEL(max_threads) __global__ void __launch_bounds__(max_threads)
#define DROVER_UNROLL _Pragma("unroll")
#else
#define DROVER_DEVICE_NAMESPACE emulated
#define DROVER_DEVICE inline
#define DROVER_KERNEL(max_threads) inline void
#define DROVER_UNROLL
#include "model/cuda/emulated_block.h"
#endif

namespace drover::model {

/// A kernel could not be started or a device call failed; throws SurroundingsError.
[[noreturn]] void fail_on_device(const char* reason);

}  // namespace drover::model

namespace drover::model::DROVER_DEVICE_NAMESPACE {

inline constexpr int kWarpThreads = 32;

/// Blocks of a launch.
struct Grid {
  int x = 1;
  int y = 1;
};

#ifdef __CUDACC__

DROVER_DEVICE int thread_index() { return static_cast<int>(threadIdx.x); }
DROVER_DEVICE int block_x() { return static_cast<int>(blockIdx.x); }
DROVER_DEVICE int block_y() { return static_cast<int>(blockIdx.y); }
DROVER_DEVICE unsigned char* shared_memory() {
  extern __shared__ __align__(16) unsigned char drover_shared_memory[];
  return drover_shared_memory;
}
DROVER_DEVICE void block_barrier() { __syncthreads(); }
DROVER_DEVICE void warp_barrier() { __syncwarp(); }
DROVER_DEVICE float shuffle_xor(float value, int mask) { return __shfl_xor_sync(0xFFFFFFFFU, value, mask); }

DROVER_DEVICE std::uint32_t shared_address(const void* pointer) { return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer)); }

/// Starts copying 16 bytes into shared memory; zeros where not `valid` (the source must be an address all the same).
DROVER_DEVICE void copy_16_async(void* shared, const void* global, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global), "r"(valid ? 16 : 0) : "memory");
}
/// Closes a group of copies; `wait_for_copies<n>` waits for all of this thread's groups but the n newest.
DROVER_DEVICE void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int newest>
DROVER_DEVICE void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(newest) : "memory");
}

/// Four 8 x 8 matrices of 16-bit numbers out of shared memory. Lane l gives the address of row l % 8 of matrix l / 8, and gets of
/// each matrix row l / 4, columns 2 (l % 4) and the next.
DROVER_DEVICE void load_matrices(std::uint32_t (&parts)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(parts[0]), "=r"(parts[1]), "=r"(parts[2]), "=r"(parts[3])
               : "r"(shared_address(row))
               : "memory");
}
/// The same of the transposed matrices.
DROVER_DEVICE void load_matrices_transposed(std::uint32_t (&parts)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(parts[0]), "=r"(parts[1]), "=r"(parts[2]), "=r"(parts[3])
               : "r"(shared_address(row))
               : "memory");
}
/// sums [16 x 8] += a [16 x 16] times b [16 x 8] of bfloat16 numbers, spread over a warp's lanes as PTX defines for
/// mma.m16n8k16 (row.col).
DROVER_DEVICE void multiply_add(float (&sums)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// Runs `kernel` on a grid of blocks; `stream` is a cudaStream_t.
template <class Arguments>
void launch(void (*kernel)(Arguments), Grid grid, int threads, int shared_bytes, void* stream, const Arguments& arguments) {
  if (grid.x == 0 || grid.y == 0) return;
  if (shared_bytes > 48 * 1024) {  // more than every kernel may have without asking
    const cudaError_t asked = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes);
    if (asked != cudaSuccess) fail_on_device(cudaGetErrorString(asked));
  }
  kernel<<<dim3(static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y)), dim3(static_cast<unsigned>(threads)),
           static_cast<std::size_t>(shared_bytes), static_cast<cudaStream_t>(stream)>>>(arguments);
  const cudaError_t started = cudaGetLastError();
  if (started != cudaSuccess) fail_on_device(cudaGetErrorString(started));
}

#else

template <class Arguments>
void launch(void (*kernel)(Arguments), Grid grid, int threads, int shared_bytes, void*, const Arguments& arguments) {
  run_blocks(grid.x, grid.y, threads, shared_bytes, [&] { kernel(arguments); });
}

#endif

/// Sum and maximum over the lanes of each aligned group of `Lanes` (a power of two) of a warp, known to all of them.
template <int Lanes>
DROVER_DEVICE float sum_of_lanes(float value) {
  for (int mask = Lanes / 2; mask > 0; mask /= 2) value += shuffle_xor(value, mask);
  return value;
}
template <int Lanes>
DROVER_DEVICE float max_of_lanes(float value) {
  for (int mask = Lanes / 2; mask > 0; mask /= 2) value = fmaxf(value, shuffle_xor(value, mask));
  return value;
}

}  // namespace drover::model::DROVER_DEVICE_NAMESPACE
