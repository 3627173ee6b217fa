#pragma once

#include <cstdint>

namespace drover::evaluate {

struct Interval {
  double low = 0;
  double high = 1;
};

/// The 95% interval of Wilson (1927) for a share, `right` of `total`: it stays inside [0, 1] and holds near both ends.
/// [0, 1] when `total` is 0.
Interval wilson_interval(std::int64_t right, std::int64_t total);

}  // namespace drover::evaluate
