#include "base/proportion.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace drover::base {

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

double chance_of_at_least(std::int64_t right, std::int64_t total) {
  DROVER_CHECK(right >= 0 && right <= total, "{} of {} is no share", right, total);
  const auto n = static_cast<double>(total);
  double sum = 0;
  // In logarithms, so that many tosses do not underflow; small terms first.
  for (std::int64_t heads = total; heads >= right; --heads) {
    const auto k = static_cast<double>(heads);
    sum += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) - n * std::log(2.0));
  }
  return std::min(1.0, sum);
}

double paired_p_value(std::int64_t only_first_right, std::int64_t only_second_right) {
  const auto more = std::max(only_first_right, only_second_right);
  return std::min(1.0, 2 * chance_of_at_least(more, only_first_right + only_second_right));
}

std::vector<double> holm_corrected(const std::vector<double>& p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> corrected(p_values.size());
  double largest = 0;  // corrected values never fall
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    largest = std::max(largest, std::min(1.0, p_values[order[rank]] * static_cast<double>(order.size() - rank)));
    corrected[order[rank]] = largest;
  }
  return corrected;
}

}  // namespace drover::base
