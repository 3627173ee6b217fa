#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "model/cuda/device_language.h"

namespace drover::model::DROVER_DEVICE_NAMESPACE {

/// A bfloat16 number as device code stores it: the upper half of a float32.
struct BFloat16 {
  std::uint16_t bits;
};

DROVER_DEVICE float to_float(float value) { return value; }
DROVER_DEVICE float to_float(BFloat16 value) {
  const std::uint32_t bits = static_cast<std::uint32_t>(value.bits) << 16;
#ifdef __CUDA_ARCH__
  return __uint_as_float(bits);
#else
  return std::bit_cast<float>(bits);
#endif
}

/// Two numbers rounded to the nearest bfloat16 (ties to even), `low` in the lower half.
DROVER_DEVICE std::uint32_t packed_pair(float low, float high) {
#ifdef __CUDA_ARCH__
  std::uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
#else
  const auto rounded = [](float value) -> std::uint32_t {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return 0x7FC0U;
    return (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  };
  return rounded(low) | rounded(high) << 16;
#endif
}

DROVER_DEVICE void store(float* place, float value) { *place = value; }
DROVER_DEVICE void store(BFloat16* place, float value) { place->bits = static_cast<std::uint16_t>(packed_pair(value, 0.0F)); }

/// Two neighbours at once; `place` is aligned to both.
DROVER_DEVICE void store_pair(float* place, float first, float second) {
  place[0] = first;
  place[1] = second;
}
DROVER_DEVICE void store_pair(BFloat16* place, float first, float second) {
  const std::uint32_t pair = packed_pair(first, second);
#ifdef __CUDA_ARCH__
  *reinterpret_cast<std::uint32_t*>(place) = pair;
#else
  std::memcpy(place, &pair, sizeof(pair));
#endif
}

/// What storing as an Element and loading again leaves of a number.
template <class Element>
DROVER_DEVICE float rounded_as(float value) {
  Element stored;
  store(&stored, value);
  return to_float(stored);
}

}  // namespace drover::model::DROVER_DEVICE_NAMESPACE
