#include "report/interval_bar.h"

#include <fmt/format.h>

#include <algorithm>

namespace drover::report {

std::string interval_bar(double value, double low, double high) {
  constexpr double kWidth = 160;
  constexpr double kEdge = 6;  // so that a dot at 0 or 1 is whole
  const auto place = [](double share) { return kEdge + (kWidth - 2 * kEdge) * std::clamp(share, 0.0, 1.0); };
  return fmt::format(
      "<svg class=\"bar\" width=\"{0}\" height=\"16\" viewBox=\"0 0 {0} 16\" role=\"img\" aria-label=\"{1:.1f}% "
      "({2:.1f} to {3:.1f})\"><line class=\"axis\" x1=\"{4}\" y1=\"8\" x2=\"{5}\" y2=\"8\"/>"
      "<line class=\"span\" x1=\"{6:.1f}\" y1=\"8\" x2=\"{7:.1f}\" y2=\"8\"/>"
      "<circle class=\"dot\" cx=\"{8:.1f}\" cy=\"8\" r=\"5\"/></svg>",
      kWidth, 100 * value, 100 * low, 100 * high, kEdge, kWidth - kEdge, place(low), place(high), place(value));
}

}  // namespace drover::report
