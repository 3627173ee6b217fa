#pragma once

#include <string>
#include <vector>

namespace drover::report {

/// How the rewards of all replies and those of the kept ones spread over the same bins, each as a share of its own
/// group. Values that are no numbers are left out; empty without values.
std::string histogram_picture(const std::string& title, const std::vector<double>& all,
                              const std::vector<double>& kept);

/// Shares of the values that fall into `num_bins` equal bins from `low` to `high`, both ends included.
std::vector<double> binned(const std::vector<double>& values, double low, double high, std::size_t num_bins);

}  // namespace drover::report
