#pragma once

#include "model/cuda/attention_arguments.h"
#include "model/cuda/decode_step_arguments.h"

namespace drover::model {

/// The kernels of a device as plain functions. Each puts work on `stream` (a cudaStream_t of the current device; ignored by the emulated
/// ones) and returns; pointers in arguments are the device's memory and must stay until the stream has come by. Throws SurroundingsError
/// when a kernel cannot be started.
struct DeviceKernels {
  void (*attention)(const AttentionForward& arguments, ElementType type, void* stream);
  void (*merge)(const AttentionMerge& arguments, ElementType type, void* stream);
  void (*attention_backward)(const AttentionBackward& arguments, ElementType type, void* stream);
  void (*add_and_norm)(const AddAndNorm& arguments, ElementType type, void* stream);
  void (*rotate_into_pages)(const RotateIntoPages& arguments, ElementType type, void* stream);
  void (*swiglu)(const SwiGlu& arguments, ElementType type, void* stream);
};

namespace on_gpu {
/// Those that nvcc compiled (CMake option DROVER_CUDA).
const DeviceKernels& kernels();
}  // namespace on_gpu

namespace emulated {
/// The same sources on emulated blocks, for tests: pointers are plain memory.
const DeviceKernels& kernels();
}  // namespace emulated

}  // namespace drover::model
