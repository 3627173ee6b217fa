#include "evaluate/interval.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace drover::evaluate {

Interval wilson_interval(std::int64_t right, std::int64_t total) {
  DROVER_CHECK(right >= 0 && right <= total, "{} of {} is no share", right, total);
  if (total == 0) return {};
  constexpr double kZ = 1.959963984540054;  // 97.5% point of the normal distribution
  const auto n = static_cast<double>(total);
  const double share = static_cast<double>(right) / n;
  const double centre = (share + kZ * kZ / (2 * n)) / (1 + kZ * kZ / n);
  const double half = kZ * std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n)) / (1 + kZ * kZ / n);
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

}  // namespace drover::evaluate
