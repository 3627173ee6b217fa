#pragma once

#include <string>

namespace drover::report {

/// A share of [0, 1] with its 95% interval as a picture: a line for the interval, a dot for the value.
std::string interval_bar(double value, double low, double high);

}  // namespace drover::report
