#include "evaluate/paired_comparison.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace drover::evaluate {
namespace {

// P(at most k heads in n tosses of a fair coin), in logarithms so that large n does not underflow.
double binomial_tail(std::int64_t k, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i <= k; ++i) {
    const auto x = static_cast<double>(i);
    const auto m = static_cast<double>(n);
    sum += std::exp(std::lgamma(m + 1) - std::lgamma(x + 1) - std::lgamma(m - x + 1) - m * std::log(2.0));
  }
  return sum;
}

}  // namespace

PairedComparison compare_paired(const std::vector<bool>& first_right, const std::vector<bool>& second_right) {
  DROVER_CHECK_EQ(first_right.size(), second_right.size(), "A paired test needs the same prompts");
  PairedComparison result;
  for (std::size_t i = 0; i < first_right.size(); ++i) {
    if (first_right[i] && second_right[i]) ++result.both_right;
    if (first_right[i] && !second_right[i]) ++result.only_first;
    if (!first_right[i] && second_right[i]) ++result.only_second;
    if (!first_right[i] && !second_right[i]) ++result.both_wrong;
  }
  const auto differing = result.only_first + result.only_second;
  if (differing > 0) {
    result.p_value = std::min(1.0, 2 * binomial_tail(std::min(result.only_first, result.only_second), differing));
  }
  return result;
}

}  // namespace drover::evaluate
