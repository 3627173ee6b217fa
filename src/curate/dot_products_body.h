#pragma once

// Included once by each dot_products_*.cc, which is compiled for one instruction set.

#include "base/simd.h"
#include "curate/dot_products.h"

namespace drover::curate {
namespace {

using namespace base::simd;

// As many sums at once as registers hold: each has to wait for itself, not for the others.
template <int kRows>
DROVER_INLINE void some_rows(const float* rows, std::int64_t dimension, const float* panel, float* out) {
  F16 sums[kRows];
  for (int r = 0; r < kRows; ++r) sums[r] = all(0.0F);
  for (std::int64_t k = 0; k < dimension; ++k) {
    const F16 lanes = load(panel + k * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) sums[r] += all(rows[r * dimension + k]) * lanes;
  }
  for (int r = 0; r < kRows; ++r) store(out + r * kLanes, sums[r]);
}

void with_panel(const float* rows, std::int64_t count, std::int64_t dimension, const float* panel, float* out) {
  constexpr int kAtOnce = DROVER_DOT_ROWS;
  std::int64_t r = 0;
  for (; r + kAtOnce <= count; r += kAtOnce)
    some_rows<kAtOnce>(rows + r * dimension, dimension, panel, out + r * kLanes);
  for (; r < count; ++r) some_rows<1>(rows + r * dimension, dimension, panel, out + r * kLanes);
}

constexpr DotProducts kDotProducts = {.with_panel = with_panel, .name = DROVER_DOT_PRODUCTS_NAME};

}  // namespace
}  // namespace drover::curate
