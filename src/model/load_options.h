#pragma once

#include <string>

namespace drover::model {

/// What weights and activations are while a model computes.
enum class ComputeType { kFloat32, kBFloat16 };

struct LoadOptions {
  ComputeType compute_type = ComputeType::kBFloat16;
  std::string device = "cpu";  ///< "cpu", "cuda", "cuda:1"
};

}  // namespace drover::model
