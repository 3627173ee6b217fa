#include "model/cuda/device_kernels.h"

#include "model/cuda/launchers.h"

namespace drover::model::DROVER_DEVICE_NAMESPACE {

const DeviceKernels& kernels() {
  static const DeviceKernels all{.attention = launch_attention,
                                 .merge = launch_merge,
                                 .attention_backward = launch_attention_backward,
                                 .add_and_norm = launch_add_and_norm,
                                 .rotate_into_pages = launch_rotate_into_pages,
                                 .swiglu = launch_swiglu};
  return all;
}

}  // namespace drover::model::DROVER_DEVICE_NAMESPACE
