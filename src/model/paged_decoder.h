#pragma once

#include <memory>

#include "engine/paged_model.h"

namespace drover::model {

class Decoder;

/// A decoder as the engine wants it: on a device with kernels of its own by these (cuda/device_decoder.h), else in LibTorch's own
/// operators, on any device, and the plain reference of the packed one (packed/packed_decoder.h). Sequences of a pass are computed together but for attention, which gathers each one's pages. Results
/// depend on the batch by rounding. Throws UserError never; pages lie on the weights' device.
std::unique_ptr<engine::PagedModel> make_paged_decoder(const std::shared_ptr<const Decoder>& decoder);

}  // namespace drover::model
