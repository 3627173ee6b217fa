#pragma once

#include <cstdint>
#include <vector>

namespace drover::base {

/// Where a share lies.
struct Interval {
  double low = 0;
  double high = 1;
};

/// The 95% interval of Wilson (1927) for a share, `right` of `total`: it stays inside [0, 1] and holds near both ends.
/// [0, 1] when `total` is 0.
Interval wilson_interval(std::int64_t right, std::int64_t total);

/// How often `total` tosses of a fair coin give at least `right` heads: the one-sided exact binomial test against chance.
/// 1 when `total` is 0.
double chance_of_at_least(std::int64_t right, std::int64_t total);

/// McNemar's exact test, two-sided: how often chance alone splits the prompts on which only one of two models is right
/// at least so unevenly. Prompts on which both agree say nothing. 1 when the models differ nowhere.
double paired_p_value(std::int64_t only_first_right, std::int64_t only_second_right);

/// p-values of several tests at once, corrected by Holm's step-down rule (1979): each below 0.05 means that the chance of
/// even one false finding among all of them is below 5%. In the order of the input.
std::vector<double> holm_corrected(const std::vector<double>& p_values);

}  // namespace drover::base
