#include "report/curve.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "report/html_text.h"

namespace drover::report {
namespace {

constexpr double kWidth = 340;
constexpr double kHeight = 150;
constexpr double kLeft = 46;
constexpr double kRight = 8;
constexpr double kTop = 10;
constexpr double kBottom = 24;
constexpr std::size_t kMostPoints = 200;

using Points = std::vector<std::pair<double, double>>;

Points drawn_points(const Curve& curve) {
  Points points;
  for (const auto& [step, value] : curve.points) {
    if (std::isfinite(value)) points.emplace_back(static_cast<double>(step), value);
  }
  if (points.size() <= kMostPoints) return points;
  Points means;
  for (std::size_t i = 0; i < kMostPoints; ++i) {
    const auto begin = i * points.size() / kMostPoints;
    const auto end = (i + 1) * points.size() / kMostPoints;
    std::pair<double, double> mean = {0, 0};
    for (auto at = begin; at < end; ++at) {
      mean.first += points[at].first / static_cast<double>(end - begin);
      mean.second += points[at].second / static_cast<double>(end - begin);
    }
    means.push_back(mean);
  }
  return means;
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void take(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  double part(double value) const { return high > low ? (value - low) / (high - low) : 0.5; }
};

double x_at(const Range& steps, double step) { return kLeft + (kWidth - kLeft - kRight) * steps.part(step); }
double y_at(const Range& values, double value) {
  return kHeight - kBottom - (kHeight - kTop - kBottom) * values.part(value);
}

std::string axes(const Range& steps, const Range& values) {
  std::string svg;
  for (const double part : {0.0, 0.5, 1.0}) {
    const double value = values.low + part * (values.high - values.low);
    const double y = kHeight - kBottom - (kHeight - kTop - kBottom) * (values.high > values.low ? part : 0.5);
    svg += fmt::format("<line class=\"axis\" x1=\"{}\" y1=\"{:.1f}\" x2=\"{}\" y2=\"{:.1f}\"/>", kLeft, y,
                       kWidth - kRight, y);
    svg += fmt::format("<text class=\"tick\" text-anchor=\"end\" x=\"{}\" y=\"{:.1f}\">{}</text>", kLeft - 5, y + 4,
                       short_number(value));
    if (values.high <= values.low) break;
  }
  svg += fmt::format("<text class=\"tick\" x=\"{}\" y=\"{}\">step {:.0f}</text>", kLeft, kHeight - 6, steps.low);
  svg += fmt::format("<text class=\"tick\" text-anchor=\"end\" x=\"{}\" y=\"{}\">{:.0f}</text>", kWidth - kRight,
                     kHeight - 6, steps.high);
  return svg;
}

std::string drawn(const Points& points, const Range& steps, const Range& values, std::size_t number) {
  if (points.size() == 1) {
    return fmt::format("<circle class=\"dot curve{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>", number % 4,
                       x_at(steps, points[0].first), y_at(values, points[0].second));
  }
  std::string list;
  for (const auto& [step, value] : points)
    list += fmt::format("{:.1f},{:.1f} ", x_at(steps, step), y_at(values, value));
  return fmt::format("<polyline class=\"curve curve{}\" points=\"{}\"/>", number % 4, list);
}

}  // namespace

std::string curve_picture(const CurveGroup& group) {
  std::vector<Points> all;
  Range steps;
  Range values;
  for (const auto& curve : group.curves) {
    all.push_back(drawn_points(curve));
    for (const auto& [step, value] : all.back()) {
      steps.take(step);
      values.take(value);
    }
  }
  std::string picture;
  std::string words;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& points = group.curves[i].points;
    if (points.empty()) continue;
    picture += all[i].empty() ? "" : drawn(all[i], steps, values, i);
    words += fmt::format(
        "<li><svg class=\"key\" width=\"24\" height=\"8\" aria-hidden=\"true\"><line class=\"curve curve{}\" x1=\"0\" "
        "y1=\"4\" x2=\"24\" y2=\"4\"/></svg> {}: {} → {} in {} step{}</li>",
        i % 4, escaped(group.curves[i].name), short_number(points.front().second), short_number(points.back().second),
        points.size(), points.size() == 1 ? "" : "s");
  }
  const auto title = escaped(group.stage + ": " + group.quantity);
  return fmt::format(
      "<figure><figcaption><strong>{0}</strong></figcaption><svg width=\"{1}\" height=\"{2}\" viewBox=\"0 0 {1} {2}\" "
      "role=\"img\" aria-label=\"{0}; the list below says where each curve begins and ends\">{3}{4}</svg><ul "
      "class=\"keys\">{5}</ul></figure>\n",
      title, kWidth, kHeight, steps.high >= steps.low ? axes(steps, values) : "", picture, words);
}

}  // namespace drover::report
