#pragma once

#include <ATen/ATen.h>

#include "model/packed/packed_matrix.h"

namespace drover::model {

/// Natural-log probabilities of targets [n] int64 under the softmax over `hidden` [n, hidden_size] times `weight` [vocab,
/// hidden_size] transposed: [n] float32. Logits are computed in chunks of rows, and again in the backward pass, so that they never
/// exist all at once, and in float32; the gradient of `weight` is summed in float32. Differentiable with respect to hidden and weight.
/// `packed` is `weight` packed before, for weights that do not change; may be null.
at::Tensor head_log_probs(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& targets, const PackedMatrix* packed = nullptr);

}  // namespace drover::model
