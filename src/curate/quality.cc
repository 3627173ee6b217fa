#include "curate/quality.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"

namespace drover::curate {
namespace {

/// The smallest reward of each capability that counts as high.
std::map<std::string, double> reward_bounds(std::span<const Row> rows, double share) {
  std::map<std::string, std::vector<double>> rewards;
  for (const auto& row : rows) {
    if (row.reward) rewards[row.capability].push_back(*row.reward);
  }
  std::map<std::string, double> bounds;
  for (auto& [capability, values] : rewards) {
    std::sort(values.begin(), values.end(), std::greater<>());
    const auto count = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size()) - 1e-9));
    if (count > 0) bounds[capability] = values[count - 1];
  }
  return bounds;
}

std::string shown(const std::optional<double>& value) { return value ? fmt::format("{:g}", *value) : "unknown"; }

}  // namespace

std::int64_t most_points(const Row& row) { return is_code(row.capability) ? kMostCodePoints : kMostGeneralPoints; }

void QualityOptions::validate() const {
  if (!(reward_share >= 0 && reward_share <= 1))
    throw base::UserError("The share of high rewards is {}; it must be from 0 to 1.", reward_share);
}

std::vector<Decision> high_quality(std::span<const Row> rows, const QualityOptions& options) {
  options.validate();
  const auto bounds = reward_bounds(rows, options.reward_share);
  std::vector<Decision> decisions;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& row = rows[i];
    const auto bound = bounds.find(row.capability);
    const bool by_reward = row.reward && bound != bounds.end() && *row.reward >= bound->second;
    const bool by_judge = options.use_judge && row.quality && *row.quality >= static_cast<double>(most_points(row));
    Decision decision{.index = i, .kept = by_reward || by_judge};
    if (decision.kept) {
      decision.rule = by_reward && by_judge ? "reward and judge" : by_reward ? "reward" : "judge";
    } else {
      decision.rule = row.reward || row.quality ? "low quality" : "no score";
      const auto needed =
          bound == bounds.end() ? std::string("none counts") : fmt::format("{:g} counts as high", bound->second);
      decision.reason = fmt::format("reward {} ({}), judge's points {} of {}", shown(row.reward), needed,
                                    shown(row.quality), most_points(row));
    }
    decisions.push_back(std::move(decision));
  }
  return decisions;
}

}  // namespace drover::curate
