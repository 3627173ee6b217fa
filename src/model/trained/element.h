#pragma once

#include <cstdint>
#include <cstring>

#include "model/packed/bfloat16.h"

namespace drover::model {

/// Numbers that a lane of the processor sums at once along k: two bfloat16 or one float32.
template <typename Element>
inline constexpr std::int64_t kUnit = 2;
template <>
inline constexpr std::int64_t kUnit<float> = 1;

inline float widened(float x) { return x; }
inline float widened(BFloat16 x) {
  const std::uint32_t bits = static_cast<std::uint32_t>(x) << 16;
  float wide = 0.0F;
  std::memcpy(&wide, &bits, sizeof wide);
  return wide;
}

/// x rounded to bfloat16 as TrainingKernels::adamw rounds: halves up in magnitude.
inline float rounded_to_bfloat16(float x) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  bits = (bits + 0x8000U) & 0xFFFF0000U;
  std::memcpy(&x, &bits, sizeof bits);
  return x;
}

/// `size` rounded up to whole panels.
constexpr std::int64_t whole_panels(std::int64_t size) { return (size + 63) / 64 * 64; }

}  // namespace drover::model
