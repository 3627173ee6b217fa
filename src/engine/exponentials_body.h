#pragma once

// Included once by each exponentials_*.cc, which is compiled for one instruction set.

#include "base/simd.h"
#include "engine/exponentials.h"

namespace drover::engine {
namespace {

using namespace base::simd;

float largest(const float* x, std::int64_t count) {
  F16 top = all(-__builtin_inff());
  I16 broken = I16{};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const F16 v = load(x + i);
    top = larger(v, top);
    broken |= (I16)(v != v);
  }
  float result = largest_of(top);
  bool is_broken = false;
  for (int lane = 0; lane < kLanes; ++lane) is_broken |= broken[lane] != 0;
  for (; i < count; ++i) {
    is_broken |= x[i] != x[i];
    result = x[i] > result ? x[i] : result;
  }
  return is_broken ? __builtin_nanf("") : result;
}

void block_sums(const float* x, std::int64_t count, float top, float scale, float* sums) {
  const F16 zero = all(top);
  const F16 factor = all(scale);
  for (std::int64_t begin = 0; begin < count; begin += kExponentialBlock) {
    const std::int64_t end = begin + kExponentialBlock < count ? begin + kExponentialBlock : count;
    F16 sum = all(0.0F);
    std::int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) sum += exp((load(x + i) - zero) * factor);
    float rest[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) rest[lane] = i + lane < end ? (x[i + lane] - top) * scale : -100.0F;
    sum += exp(load(rest));
    sums[begin / kExponentialBlock] = sum_of(sum);
  }
}

std::int64_t at_least(const float* x, std::int64_t count, float bound, std::int32_t* indices) {
  std::int64_t found = 0;
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    if (!(largest_of(load(x + i)) >= bound)) continue;
    for (int lane = 0; lane < kLanes; ++lane) {
      if (x[i + lane] >= bound) indices[found++] = static_cast<std::int32_t>(i + lane);
    }
  }
  for (; i < count; ++i) {
    if (x[i] >= bound) indices[found++] = static_cast<std::int32_t>(i);
  }
  return found;
}

constexpr Exponentials kExponentials = {.largest = largest, .block_sums = block_sums, .at_least = at_least, .name = DROVER_EXPONENTIALS_NAME};

}  // namespace
}  // namespace drover::engine
