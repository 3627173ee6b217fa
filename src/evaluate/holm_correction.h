#pragma once

#include <vector>

namespace drover::evaluate {

/// p-values of several tests at once, corrected by Holm's step-down rule (1979): each below 0.05 means that the chance of even one false
/// finding among all of them is below 5%. In the order of the input.
std::vector<double> holm_corrected(const std::vector<double>& p_values);

}  // namespace drover::evaluate
