#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "model/config.h"
#include "model/decoder.h"
#include "model/lora_options.h"
#include "model/low_rank_pair.h"

namespace drover::model {

/// What is laid over a base model whose own weights stay as they are.
struct Adapter {
  std::vector<LowRankPair> pairs;  ///< at most one a weight
  NamedTensors whole;              ///< parameters that take the place of the base's, such as `score.weight`
  std::optional<Head> head = {};   ///< what `score.*` in `whole` is; nothing: the base's own head
};

/// The adapter that training begins with, float32, where `start` lies: A uniform within 1 / sqrt(in), as PEFT's Kaiming initialisation
/// with a = sqrt 5 is, drawn from the seed; B zero, so that outputs are those of `start`. A head other than the language head is
/// trained whole. Pairs are in the order of `parameter_shapes`. Throws UserError when the options are out of range.
Adapter fresh_adapter(const Decoder& start, const LoraOptions& options, std::uint64_t seed);

/// All tensors of an adapter, in order: of each pair "NAME.lora_A.weight" and "NAME.lora_B.weight" for the weight "NAME.weight", then
/// those that are whole.
NamedTensors tensors_of(const Adapter& adapter);

/// The same adapter with these tensors, which are in the order of `tensors_of` (names and shapes are checked).
Adapter with_tensors(const Adapter& adapter, const NamedTensors& tensors);

/// Throws UserError when a weight that the adapter changes is not one of this model or has another shape; `where` names the adapter.
void check_fits(const Adapter& adapter, const DecoderConfig& base, std::string_view where);

/// The shape of base and adapter together.
DecoderConfig merged_config(const DecoderConfig& base, const Adapter& adapter);

/// One parameter of base and adapter together, in the base's type; `name` is one of those of `merged_config`.
at::Tensor merged_parameter(const Decoder& base, const Adapter& adapter, std::string_view name);

/// Base and adapter as one decoder, in the base's type; what the adapter does not change is shared.
std::shared_ptr<const Decoder> merged(const Decoder& base, const Adapter& adapter);

}  // namespace drover::model
