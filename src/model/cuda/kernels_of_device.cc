#include "model/cuda/kernels_of_device.h"

#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "base/error.h"
#include "model/config.h"

namespace drover::model {

const DeviceKernels* kernels_of([[maybe_unused]] const at::Device& device) {
#ifdef DROVER_CUDA_KERNELS
  if (device.is_cuda()) return &on_gpu::kernels();
#endif
  return nullptr;
}

bool heads_fit_kernels(const DecoderConfig& config) {
  return config.head_dim % 8 == 0 && config.head_dim <= kMaxDeviceHeadDim && config.num_heads / config.num_kv_heads <= kMaxDeviceGroup;
}

ElementType device_type_of(at::ScalarType type) {
  DROVER_CHECK(type == at::kFloat || type == at::kBFloat16, "The type {} on a device", at::toString(type));
  return type == at::kFloat ? ElementType::kFloat32 : ElementType::kBFloat16;
}

void* current_stream(const at::Device& device) {
  if (device.is_cpu()) return nullptr;
  const c10::Stream stream = c10::impl::VirtualGuardImpl(device.type()).getStream(device);
  // Older LibTorch gives handles of other streams only through headers of a CUDA installation; the default stream's handle is null.
  return stream.id() == 0 ? nullptr : stream.native_handle();
}

void fail_on_device(const char* reason) { throw base::SurroundingsError("The GPU refuses to compute: {}.", reason); }

}  // namespace drover::model
