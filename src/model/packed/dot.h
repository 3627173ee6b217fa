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

// How products are summed. A unit is what one lane takes from memory at once: a pair of bfloat16 or one float32.
template <typename Element>
struct Dot;

template <>
struct Dot<BFloat16> {
  static constexpr int kPerUnit = 2;
  using Unit = std::uint32_t;
  // acc[i] + b[2i] a[0] + b[2i+1] a[1]; `b` holds 32 numbers.
  static DROVER_INLINE F16 add(F16 acc, const BFloat16* b, Unit a) {
#if defined(__AVX512BF16__)
    __m512i wide;
    __builtin_memcpy(&wide, b, sizeof wide);
    return (F16)_mm512_dpbf16_ps((__m512)acc, (__m512bh)wide, (__m512bh)_mm512_set1_epi32((int)a));
#else
    U16 pairs;
    __builtin_memcpy(&pairs, b, sizeof pairs);
    const U16 unit = U16{} + a;
    acc += (F16)(pairs << 16) * (F16)(unit << 16);
    acc += (F16)(pairs & 0xFFFF0000U) * (F16)(unit & 0xFFFF0000U);
    return acc;
#endif
  }
};

template <>
struct Dot<float> {
  static constexpr int kPerUnit = 1;
  using Unit = float;
  static DROVER_INLINE F16 add(F16 acc, const float* b, Unit a) { return acc + base::simd::load(b) * base::simd::all(a); }
};

}  // namespace
}  // namespace drover::model
