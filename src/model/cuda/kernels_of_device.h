#pragma once

#include <ATen/core/Tensor.h>

#include "model/cuda/device_kernels.h"

namespace drover::model {

struct DecoderConfig;

/// The own kernels for tensors on this device; null where there are none: on the CPU, and in builds without DROVER_CUDA.
const DeviceKernels* kernels_of(const at::Device& device);

/// Whether the attention kernels take a model's heads: sizes that are multiples of 8 up to kMaxDeviceHeadDim, at most kMaxDeviceGroup
/// query heads a key-value head.
bool heads_fit_kernels(const DecoderConfig& config);

ElementType device_type_of(at::ScalarType type);

/// The native handle of the stream that LibTorch uses for a device now; null on the CPU.
void* current_stream(const at::Device& device);

}  // namespace drover::model
