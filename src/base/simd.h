#pragma once

// Vectors of 16 floats for kernels that are compiled once for each instruction set. Everything here has internal linkage and nothing comes
// from the standard library's templates: the linker would otherwise take one copy for all.

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include <cstddef>
#include <cstdint>

namespace drover::base::simd {
namespace {

using F16 = float __attribute__((vector_size(64)));
using I16 = std::int32_t __attribute__((vector_size(64)));
using U16 = std::uint32_t __attribute__((vector_size(64)));

#define DROVER_INLINE inline __attribute__((always_inline))

inline constexpr int kLanes = 16;

/// Whether the processor has all that the compiler was told it may use.
DROVER_INLINE bool is_supported() {
#if defined(__AVX512F__)
  return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq");
#elif defined(__AVX2__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return true;
#endif
}

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
// `b` where one of them is NaN.
DROVER_INLINE F16 larger(F16 a, F16 b) {
#if defined(__AVX512F__)
  return (F16)_mm512_max_ps((__m512)a, (__m512)b);
#else
  return select((I16)(a > b), a, b);
#endif
}

// Halves are folded onto each other, in this order with any instruction set.
#define DROVER_FOLD(v, combine)                                                                                        \
  v = combine(v, __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));                 \
  v = combine(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));                 \
  v = combine(v, __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));                 \
  v = combine(v, __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14))

DROVER_INLINE F16 sum(F16 a, F16 b) { return a + b; }

DROVER_INLINE float sum_of(F16 v) {
  DROVER_FOLD(v, sum);
  return v[0];
}
DROVER_INLINE float largest_of(F16 v) {
  DROVER_FOLD(v, larger);
  return v[0];
}
#undef DROVER_FOLD

// e^r for |r| <= ln(2) / 2.
DROVER_INLINE F16 exp_near_0(F16 r) {
  F16 p = all(1.9875691500e-4F);
  p = p * r + all(1.3981999507e-3F);
  p = p * r + all(8.3334519073e-3F);
  p = p * r + all(4.1665795894e-2F);
  p = p * r + all(1.6666665459e-1F);
  p = p * r + all(5.0000001201e-1F);
  return p * (r * r) + (r + all(1.0F));
}

// e^x within 2 units in the last place; exactly 0 below -87 and e^88 above 88, where float32 has hardly a number left.
DROVER_INLINE F16 exp(F16 x) {
  constexpr float kLog2OfE = 1.44269504088896341F;
  constexpr float kLn2High = 0.693359375F, kLn2Low = -2.12194440e-4F;
#if defined(__AVX512F__)
  const F16 bounded = (F16)_mm512_min_ps((__m512)x, (__m512)all(88.0F));
  const F16 n = (F16)_mm512_roundscale_ps((__m512)(bounded * all(kLog2OfE)), 0);
  const F16 r = (bounded - n * all(kLn2High)) - n * all(kLn2Low);
  const __mmask16 counts = _mm512_cmp_ps_mask((__m512)x, (__m512)all(-87.0F), _CMP_GE_OQ);
  return (F16)_mm512_maskz_scalef_ps(counts, (__m512)exp_near_0(r), (__m512)n);
#else
  const I16 vanishes = (I16)(x < all(-87.0F));
  const F16 bounded = -larger(-larger(x, all(-87.0F)), all(-88.0F));
  const F16 magic = all(12582912.0F);  // 1.5 * 2^23: adding and taking it away rounds to a whole number
  const F16 n = (bounded * all(kLog2OfE) + magic) - magic;
  const F16 r = (bounded - n * all(kLn2High)) - n * all(kLn2Low);
  const I16 power = (__builtin_convertvector(n, I16) + 127) << 23;
  return select(vanishes, all(0.0F), exp_near_0(r) * (F16)power);
#endif
}

}  // namespace
}  // namespace drover::base::simd
