#pragma once

#include <memory>

#include "engine/paged_model.h"
#include "model/cuda/device_kernels.h"

namespace drover::model {

class Decoder;

/// A decoder as the engine wants it, on a device with kernels of its own: LibTorch multiplies, `kernels` do the rest of a layer in four
/// or five launches: norms with the addition before them, rotary angles with the writing of pages, attention over pages (plan_chunks says
/// how it is spread), the gate. The residual stream is float32, pages lie on the weights' device. Attention of a sequence has the same
/// bits in any batch, LibTorch's products do not promise that. The heads must fit (`heads_fit_kernels`; checked).
std::unique_ptr<engine::PagedModel> make_device_decoder(const std::shared_ptr<const Decoder>& decoder, const DeviceKernels& kernels);

}  // namespace drover::model
