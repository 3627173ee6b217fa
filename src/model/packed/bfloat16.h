#pragma once

#include <cstdint>

namespace drover::model {

/// A bfloat16 as its bits, for kernels that do not see LibTorch.
enum class BFloat16 : std::uint16_t {};

}  // namespace drover::model
