#include "judge/standing.h"

#include <fmt/format.h>

namespace drover::judge {

Calibration Standing::sum() const {
  Calibration all;
  for (const auto& [name, calibration] : sets) {
    all.pairs += calibration.pairs;
    all.right += calibration.right;
    all.wrong += calibration.wrong;
  }
  return all;
}

double Standing::p_value() const { return sum().p_value(); }

std::string Standing::describe() const {
  std::string names;
  for (const auto& [name, calibration] : sets) names += (names.empty() ? "" : ", ") + name;
  const auto all = sum();
  return fmt::format("{}above chance on {}: it decides {} of {} pairs and is right on {} of these, p = {:.4f}", is_above_chance() ? "" : "not ",
                     names, all.right + all.wrong, all.pairs, all.right, p_value());
}

chat::Json Standing::to_json() const {
  auto list = chat::Json::array();
  for (const auto& [name, calibration] : sets) {
    auto json = calibration.to_json();
    json["set"] = name;
    list.push_back(std::move(json));
  }
  return list;
}

Standing measure_standing(Judge& judge, std::span<const LabelledSet> sets, const PairwiseOptions& options) {
  Standing standing;
  for (const auto& set : sets) standing.sets.emplace_back(set.name, calibrate(judge, set.pairs, options));
  return standing;
}

}  // namespace drover::judge
