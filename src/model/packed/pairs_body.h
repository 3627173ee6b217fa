#pragma once

// How numbers are put into pairs along k. Included by the files that are compiled for one instruction set each.

#include "base/simd.h"
#include "model/packed/dot.h"
#include "model/packed/training_kernels.h"

namespace drover::model {
namespace {

using namespace base::simd;

// 16 floats rounded to bfloat16, each in the low half of a word.
DROVER_INLINE U16 narrowed(F16 v) {
  alignas(32) BFloat16 narrow[kLanes];
  store(narrow, v);
  H16 bits;
  __builtin_memcpy(&bits, narrow, sizeof bits);
  return __builtin_convertvector(bits, U16);
}

// 16 units, of which the first numbers are `even` and, for pairs, the second are `odd`.
DROVER_INLINE void store_pair(BFloat16* to, F16 even, F16 odd) {
  const U16 words = narrowed(even) | (narrowed(odd) << 16);
  __builtin_memcpy(to, &words, sizeof words);
}
DROVER_INLINE void store_pair(float* to, F16 even, F16 /*odd*/) { store(to, even); }

template <typename Element>
void pair_rows(const Element* from, std::int64_t stride, std::int64_t rows, std::int64_t width, Element* out, std::int64_t out_panel,
               std::int64_t out_unit);

template <>
void pair_rows(const BFloat16* from, std::int64_t stride, std::int64_t rows, std::int64_t width, BFloat16* out, std::int64_t out_panel,
               std::int64_t out_unit) {
  for (std::int64_t row = 0; row < rows; row += 2) {
    for (std::int64_t panel = 0; panel < width / kPanelColumns; ++panel) {
      const BFloat16* even = from + row * stride + panel * kPanelColumns;
      BFloat16* to = out + panel * out_panel + row / 2 * out_unit;
      for (std::int64_t i = 0; i < kPanelColumns; i += kLanes) {
        H16 first, second = {};
        __builtin_memcpy(&first, even + i, sizeof first);
        if (row + 1 < rows) __builtin_memcpy(&second, even + stride + i, sizeof second);
        const U16 words = __builtin_convertvector(first, U16) | (__builtin_convertvector(second, U16) << 16);
        __builtin_memcpy(to + 2 * i, &words, sizeof words);
      }
    }
  }
}

template <>
void pair_rows(const float* from, std::int64_t stride, std::int64_t rows, std::int64_t width, float* out, std::int64_t out_panel,
               std::int64_t out_unit) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t panel = 0; panel < width / kPanelColumns; ++panel) {
      for (std::int64_t i = 0; i < kPanelColumns; i += kLanes) {
        store(out + panel * out_panel + row * out_unit + i, load(from + row * stride + panel * kPanelColumns + i));
      }
    }
  }
}

template <typename Element>
void panel_of_rows(const Element* from, std::int64_t stride, std::int64_t rows, std::int64_t width, Element* out) {
  using Unit = typename Dot<Element>::Unit;
  constexpr std::int64_t kUnit = Dot<Element>::kPerUnit;
  auto* units = reinterpret_cast<unsigned char*>(out);
  for (std::int64_t row = 0; row < kPanelColumns; ++row) {
    for (std::int64_t u = 0; u < width / kUnit; ++u) {
      Unit unit = {};
      if (row < rows) __builtin_memcpy(&unit, from + row * stride + u * kUnit, sizeof unit);
      __builtin_memcpy(units + (u * kPanelColumns + row) * static_cast<std::int64_t>(sizeof unit), &unit, sizeof unit);
    }
  }
}

template <typename Element>
void transpose_block(const Element* from, std::int64_t block, Element* out);

// A unit of the panel holds two inputs of each output; a unit of the result two outputs of each input.
template <>
void transpose_block(const BFloat16* from, std::int64_t block, BFloat16* out) {
  for (std::int64_t u = 0; u < kPanelColumns / 2; ++u) {
    const BFloat16* unit = from + (block * kPanelColumns / 2 + u) * kPanelColumns * 2;
    for (std::int64_t o = 0; o < kPanelColumns; o += 2) {
      std::uint64_t both;  // W[o][i], W[o][i+1], W[o+1][i], W[o+1][i+1]
      __builtin_memcpy(&both, unit + o * 2, sizeof both);
      const std::uint64_t turned = (both & 0xFFFF00000000FFFFU) | ((both & 0xFFFF0000U) << 16) | ((both >> 16) & 0xFFFF0000U);
      __builtin_memcpy(out + (o / 2 * kPanelColumns + 2 * u) * 2, &turned, sizeof turned);
    }
  }
}

template <>
void transpose_block(const float* from, std::int64_t block, float* out) {
  for (std::int64_t i = 0; i < kPanelColumns; ++i) {
    const float* unit = from + (block * kPanelColumns + i) * kPanelColumns;
    for (std::int64_t o = 0; o < kPanelColumns; ++o) out[o * kPanelColumns + i] = unit[o];
  }
}

}  // namespace
}  // namespace drover::model
