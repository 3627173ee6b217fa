#pragma once

#include <memory>

#include "engine/paged_model.h"
#include "model/packed/weight_form.h"

namespace drover::model {

class Decoder;

/// A decoder as the engine wants it, on the CPU: its weights laid out once for products with few rows (a second copy, of the same
/// type), keys and values in pages, one pass for prompts and decoding. The residual stream is float32, which is closer to the float32
/// model than bfloat16 training is.
///
/// Each row's numbers are computed in one fixed order that depends on its own sequence only: results are equal bit for bit however
/// sequences are batched and cut. Attention reads the pages that neighbouring chunks share once for all of them.
///
/// Outputs are the logits of a language head, or the scores of another head. Throws UserError when the weights are not on the CPU or a
/// head is wider than 1,024.
std::unique_ptr<engine::PagedModel> make_packed_decoder(const std::shared_ptr<const Decoder>& decoder, WeightForm form = WeightForm::kAsGiven);

}  // namespace drover::model
