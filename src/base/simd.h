#pragma once

// Vectors of 16 floats for kernels that are compiled once for each instruction set. Everything here has internal linkage and nothing comes
// from the standard library's templates: the linker would otherwise take one copy for all.

#include <cstddef>
#include <cstdint>

namespace drover::base::simd {
namespace {

using F16 = float __attribute__((vector_size(64)));
using I16 = std::int32_t __attribute__((vector_size(64)));
using U16 = std::uint32_t __attribute__((vector_size(64)));

#define DROVER_INLINE inline __attribute__((always_inline))

inline constexpr int kLanes = 16;

DROVER_INLINE F16 all(float value) {
  return F16{value, value, value, value, value, value, value, value, value, value, value, value, value, value, value, value};
}
DROVER_INLINE F16 load(const float* from) {
  F16 v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}
DROVER_INLINE void store(float* to, F16 v) { __builtin_memcpy(to, &v, sizeof v); }
DROVER_INLINE F16 select(I16 mask, F16 yes, F16 no) { return (F16)((mask & (I16)yes) | (~mask & (I16)no)); }
DROVER_INLINE F16 larger(F16 a, F16 b) { return select((I16)(a > b), a, b); }

// In a fixed order (halves are folded), so that sums do not depend on the instruction set's own reduction.
DROVER_INLINE float sum_of(F16 v) {
  float lanes[kLanes];
  store(lanes, v);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  }
  return lanes[0];
}
DROVER_INLINE float largest_of(F16 v) {
  float lanes[kLanes];
  store(lanes, v);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lanes[i] = lanes[i] > lanes[i + width] ? lanes[i] : lanes[i + width];
  }
  return lanes[0];
}

// e^x within 2 units in the last place; exactly 0 below -87 and e^88 above 88, where float32 has hardly a number left.
DROVER_INLINE F16 exp(F16 x) {
  const I16 vanishes = (I16)(x < all(-87.0F));
  const F16 bounded = -larger(-larger(x, all(-87.0F)), all(-88.0F));
  const F16 magic = all(12582912.0F);  // 1.5 * 2^23: adding and taking it away rounds to a whole number
  const F16 n = (bounded * all(1.44269504088896341F) + magic) - magic;
  F16 r = bounded - n * all(0.693359375F);
  r = r + n * all(2.12194440e-4F);
  F16 p = all(1.9875691500e-4F);
  p = p * r + all(1.3981999507e-3F);
  p = p * r + all(8.3334519073e-3F);
  p = p * r + all(4.1665795894e-2F);
  p = p * r + all(1.6666665459e-1F);
  p = p * r + all(5.0000001201e-1F);
  p = p * (r * r) + (r + all(1.0F));
  const I16 power = (__builtin_convertvector(n, I16) + 127) << 23;
  return select(vanishes, all(0.0F), p * (F16)power);
}

}  // namespace
}  // namespace drover::base::simd
