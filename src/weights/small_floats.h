#pragma once

#include <bit>
#include <cstdint>

namespace drover::weights {

/// float32 of an IEEE half; exact. Without branches, so that loops over it become vector code.
inline float half_to_float(std::uint16_t half) {
  const std::uint32_t magnitude = half & 0x7FFFu;
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t is_special = magnitude >= 0x7C00u ? 0x38000000u : 0u;  // infinity and NaN keep an exponent of ones
  const std::uint32_t normal = (magnitude << 13) + 0x38000000u + is_special;
  // A subnormal is its mantissa times 2^-24; computed as a number so that no float32 subnormal occurs on the way.
  const float subnormal = static_cast<float>(static_cast<std::int32_t>(magnitude)) * 0x1p-24f;
  const std::uint32_t bits = magnitude < 0x0400u ? std::bit_cast<std::uint32_t>(subnormal) : normal;
  return std::bit_cast<float>(bits | sign);
}

/// The nearest IEEE half, ties to even; overflow gives infinity, NaN stays NaN.
inline std::uint16_t float_to_half(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<std::uint16_t>(sign | 0x7E00u | ((magnitude >> 13) & 0x01FFu));
  if (magnitude >= 0x477FF000u) return static_cast<std::uint16_t>(sign | 0x7C00u);  // 65520 and above
  if (magnitude < 0x38800000u) {  // below 2^-14: adding 0.5 leaves round(value * 2^24) in the low bits
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3F000000u));
  }
  const std::uint32_t rounded = magnitude + 0x0FFFu + ((magnitude >> 13) & 1u);
  return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

/// float32 of a bfloat16, its upper half; exact.
inline float bfloat16_to_float(std::uint16_t value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

/// The nearest bfloat16, ties to even; NaN stays a quiet NaN.
inline std::uint16_t float_to_bfloat16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
  const std::uint32_t quiet = (bits >> 16) | 0x0040u;
  return static_cast<std::uint16_t>((bits & 0x7FFFFFFFu) > 0x7F800000u ? quiet : rounded);
}

/// float32 of an 8-bit float with 4 exponent and 3 mantissa bits (bias 7, no infinity, NaN 0x7F and 0xFF).
float f8_e4m3_to_float(std::uint8_t value);

/// float32 of an 8-bit float with 5 exponent and 2 mantissa bits: the upper byte of a half.
inline float f8_e5m2_to_float(std::uint8_t value) {
  return half_to_float(static_cast<std::uint16_t>(value << 8));
}

}  // namespace drover::weights
