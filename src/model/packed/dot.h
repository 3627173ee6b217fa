#pragma once

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#include "base/simd.h"
#include "model/packed/bfloat16.h"

namespace drover::model {
namespace {

using base::simd::F16;
using base::simd::store;
using base::simd::U16;
using H16 = std::uint16_t __attribute__((vector_size(32)));

// 16 floats as 16 bfloat16, rounded to nearest even.
DROVER_INLINE void store(BFloat16* to, F16 v) {
#if defined(__AVX512BF16__)
  const __m256bh rounded = _mm512_cvtneps_pbh((__m512)v);
  __builtin_memcpy(to, &rounded, sizeof rounded);
#else
  const U16 bits = (U16)v;
  const U16 rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  const U16 not_a_number = (U16)(v != v);
  const H16 narrow = __builtin_convertvector((not_a_number & 0x7FC0U) | (~not_a_number & rounded), H16);
  __builtin_memcpy(to, &narrow, sizeof narrow);
#endif
}

// How products are summed. A unit is what one lane takes from memory at once: a pair of bfloat16 or one float32. Vectors hold 16 units;
// kernels load and spread them by name, because the compiler would otherwise read memory again for each product.
template <typename Element>
struct Dot;

template <>
struct Dot<BFloat16> {
  static constexpr int kPerUnit = 2;
  using Unit = std::uint32_t;
#if defined(__AVX512BF16__)
  using Vector = __m512bh;
#else
  using Vector = U16;
#endif

  static DROVER_INLINE Vector load(const BFloat16* units) {
    Vector v;
    __builtin_memcpy(&v, units, sizeof v);
    return v;
  }
  static DROVER_INLINE Vector spread(Unit unit) {
#if defined(__AVX512BF16__)
    return (__m512bh)_mm512_set1_epi32((int)unit);
#else
    return U16{} + unit;
#endif
  }
  // acc[i] + a[i].first b[i].first + a[i].second b[i].second
  static DROVER_INLINE F16 add(F16 acc, Vector a, Vector b) {
#if defined(__AVX512BF16__)
    return (F16)_mm512_dpbf16_ps((__m512)acc, a, b);
#else
    acc += (F16)(a << 16) * (F16)(b << 16);
    acc += (F16)(a & 0xFFFF0000U) * (F16)(b & 0xFFFF0000U);
    return acc;
#endif
  }
};

template <>
struct Dot<float> {
  static constexpr int kPerUnit = 1;
  using Unit = float;
  using Vector = F16;
  static DROVER_INLINE Vector load(const float* units) { return base::simd::load(units); }
  static DROVER_INLINE Vector spread(Unit unit) { return base::simd::all(unit); }
  static DROVER_INLINE F16 add(F16 acc, Vector a, Vector b) { return acc + a * b; }
};

}  // namespace
}  // namespace drover::model
