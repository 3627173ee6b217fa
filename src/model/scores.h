#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/model.h"
#include "model/token_tree.h"

namespace drover::model {

/// The outputs (logits) of a reward, steps or classes head at positions of a row: one inner vector of `num_labels` values a position.
/// Computes without gradients. Throws UserError when the model has a language head.
std::vector<std::vector<float>> scores(const Model& model, const TokenRow& row, std::span<const std::int64_t> positions);

/// The rewards of a reward model for the responses of one prompt: the prompt is computed once. Every response must have tokens; its
/// reward stands at its last one.
std::vector<float> rewards(const Model& model, std::span<const text::TokenId> prompt,
                           std::span<const std::vector<text::TokenId>> responses);

}  // namespace drover::model
