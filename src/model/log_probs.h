#pragma once

#include <span>
#include <vector>

#include "model/model.h"
#include "model/token_tree.h"

namespace drover::model {

/// Natural-log probabilities of the learned entries of rows, in their order (weights are not applied): float32 log-softmax over
/// logits of the model's compute type. Computes without gradients. Throws UserError when the model has no language head.
std::vector<float> log_probs(const Model& model, const TokenRow& row);
std::vector<std::vector<float>> log_probs(const Model& model, std::span<const TokenRow> rows);

/// A row in which every token but the first is learned: scoring a whole text.
TokenRow score_all(std::span<const text::TokenId> tokens);

}  // namespace drover::model
