#include "report/training_curves.h"

#include <map>

namespace drover::report {

std::vector<CurveGroup> training_curves(const std::string& stage, const std::vector<ledger::Metric>& metrics) {
  constexpr std::pair<const char*, const char*> kQuantities[] = {
      {"loss", "loss"}, {"step margin", "margin"}, {"step accuracy", "accuracy"}};
  std::vector<CurveGroup> groups;
  for (const auto& [metric_name, quantity] : kQuantities) {
    std::vector<std::string> names;
    std::map<std::string, std::map<std::int64_t, double>> points;
    for (const auto& metric : metrics) {
      if (metric.name != metric_name) continue;
      if (!points.contains(metric.subject)) names.push_back(metric.subject);
      points[metric.subject][metric.step] = metric.value;
    }
    if (names.empty()) continue;
    CurveGroup group{.stage = stage, .quantity = quantity};
    for (const auto& name : names)
      group.curves.push_back({.name = name, .points = {points[name].begin(), points[name].end()}});
    groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace drover::report
