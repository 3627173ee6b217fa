#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "base/random_stream.h"

namespace drover::model {

/// A float32 tensor on the CPU of normal numbers with this deviation, drawn in order from the stream.
at::Tensor normal_tensor(const std::vector<std::int64_t>& shape, double deviation, base::RandomStream stream);

}  // namespace drover::model
