#pragma once

#include <ATen/ATen.h>

#include <string>

namespace drover::model {

/// Adds scale * b a to a weight W [out, in].
struct LowRankPair {
  std::string weight;  ///< W's name: "model.layers.0.self_attn.q_proj.weight"
  at::Tensor a;        ///< [rank, in]
  at::Tensor b;        ///< [out, rank]
  double scale = 1.0;  ///< alpha / rank
};

/// W + scale * b a, computed in float32 and rounded once to W's type.
at::Tensor merged_weight(const at::Tensor& weight, const LowRankPair& pair);

}  // namespace drover::model
