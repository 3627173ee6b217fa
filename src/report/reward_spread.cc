#include "report/reward_spread.h"

#include <map>
#include <numeric>

namespace drover::report {
namespace {

std::vector<double> all_of(const RewardSpread& spread, std::vector<double> CapabilityDraws::* values) {
  std::vector<double> all;
  for (const auto& each : spread.capabilities) all.insert(all.end(), (each.*values).begin(), (each.*values).end());
  return all;
}

}  // namespace

std::vector<double> RewardSpread::rewards() const { return all_of(*this, &CapabilityDraws::rewards); }
std::vector<double> RewardSpread::kept_rewards() const { return all_of(*this, &CapabilityDraws::kept_rewards); }

std::optional<double> mean_of(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

RewardSpread reward_spread(const ledger::Ledger& ledger, std::int64_t round, const std::string& stage) {
  std::map<std::string, CapabilityDraws> draws;
  std::map<ledger::PromptId, std::string> capability_of;
  for (const auto& decision : ledger.decisions_of(stage)) {
    const auto generation = ledger.find(decision.generation);
    if (!generation) continue;
    auto known = capability_of.find(generation->prompt);
    if (known == capability_of.end()) {
      const auto prompt = ledger.find(generation->prompt);
      const auto name = prompt && !prompt->tags.empty() ? prompt->tags.front() : "other";
      known = capability_of.emplace(generation->prompt, name).first;
      ++draws[name].prompts;
    }
    auto& draw = draws[known->second];
    ++draw.replies;
    if (decision.is_kept) ++draw.answered;
    for (const auto& score : ledger.scores_of(decision.generation)) {
      if (score.stage != stage) continue;
      draw.rewards.push_back(score.value);
      if (decision.is_kept) draw.kept_rewards.push_back(score.value);
    }
    for (const auto& answer : ledger.checked_answers_of(decision.generation)) {
      if (answer.stage != stage) continue;
      ++draw.checked;
      draw.right += answer.is_right ? 1 : 0;
      if (!decision.is_kept) continue;
      ++draw.checked_kept;
      draw.right_kept += answer.is_right ? 1 : 0;
    }
  }
  RewardSpread spread{.round = round};
  for (auto& [name, draw] : draws) {
    draw.capability = name;
    spread.capabilities.push_back(std::move(draw));
  }
  return spread;
}

}  // namespace drover::report
