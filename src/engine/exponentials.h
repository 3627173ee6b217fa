#pragma once

#include <cstdint>

namespace drover::engine {

/// Entries whose exponentials are summed together.
inline constexpr std::int64_t kExponentialBlock = 1024;

/// Passes over logits, for the best instruction set that this processor has.
struct Exponentials {
  /// The largest of x[0 .. count-1]; NaN when any of them is NaN. count > 0.
  float (*largest)(const float* x, std::int64_t count);
  /// sums[b] = sum of e^((x[i] - top) * scale) over the b-th block of 1,024 entries. Each relative error below 1e-6.
  void (*block_sums)(const float* x, std::int64_t count, float top, float scale, float* sums);
  /// Writes the indices of all x[i] >= bound, in order, and returns how many: [count] places.
  std::int64_t (*at_least)(const float* x, std::int64_t count, float bound, std::int32_t* indices);
  const char* name;
};

const Exponentials& exponentials();

/// The same for the instruction sets apart; null where this build or this processor lacks them. For tests.
const Exponentials* exponentials_avx512();
const Exponentials* exponentials_avx2();
const Exponentials* exponentials_portable();

}  // namespace drover::engine
