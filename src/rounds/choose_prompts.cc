#include "rounds/choose_prompts.h"

#include <algorithm>
#include <map>
#include <vector>

#include "base/random_stream.h"
#include "preference/prompt_plan.h"
#include "rounds/evaluate_stage.h"

namespace drover::rounds {
namespace {

std::map<ledger::PromptId, std::int64_t> uses_of(std::span<const PromptChoice> earlier) {
  std::map<ledger::PromptId, std::int64_t> uses;
  for (const auto& choice : earlier) {
    for (const auto prompt : choice.prompts) ++uses[prompt];
  }
  return uses;
}

// How often the best deployed model at each capability was right on the suites that measure it.
std::vector<preference::CapabilityRate> rates_of(const PromptPool& pool, const ModelSet& deployed, const ScoreBoard& scores) {
  std::vector<preference::CapabilityRate> rates;
  const auto suites_by_capability = pool.suites_by_capability();
  for (const auto& capability : pool.capabilities()) {
    const auto suites = suites_by_capability.find(capability);
    if (suites == suites_by_capability.end()) continue;
    preference::CapabilityRate rate{.capability = capability};
    const auto& model = best_at(capability, deployed, scores, suites_by_capability);
    for (const auto& entry : scores.entries) {
      if (entry.model != model.hash || !suites->second.contains(entry.suite)) continue;
      rate.total += static_cast<std::int64_t>(entry.is_right.size());
      rate.right += std::count(entry.is_right.begin(), entry.is_right.end(), '1');
    }
    if (rate.total > 0) rates.push_back(rate);
  }
  return rates;
}

PromptChoice aimed_at_weak_areas(Workspace& work, const std::string& stage, const PromptPool& pool,
                                 std::span<const PromptChoice> earlier, const std::vector<preference::CapabilityRate>& rates) {
  const auto& section = work.recipe.collect;
  std::vector<ledger::PromptId> candidates;
  for (const auto& prompt : pool.prompts()) candidates.push_back(ledger::id_of(prompt));
  const auto plan = preference::plan_prompts(candidates, earlier.back().prompts, rates,
                                             {.num_prompts = section.prompts_per_round,
                                              .num_weakest = section.num_weakest,
                                              .weak_share = section.weak_share,
                                              .step = section.complexity_step,
                                              .seed = work.seed(stage),
                                              .uses = uses_of(earlier)},
                                             work.ledger);
  preference::record_plan(plan, stage, work.ledger);
  return {.prompts = plan.prompts};
}

}  // namespace

PromptChoice choose_prompts(Workspace& work, const std::string& stage, const PromptPool& pool,
                            std::span<const PromptChoice> earlier, const ModelSet& deployed, const ScoreBoard& scores) {
  const auto wanted = static_cast<std::size_t>(work.recipe.collect.prompts_per_round);
  if (wanted == 0 || wanted >= pool.prompts().size()) {
    PromptChoice all;
    for (const auto& prompt : pool.prompts()) all.prompts.push_back(ledger::id_of(prompt));
    return all;
  }
  if (!earlier.empty() && work.recipe.collect.num_weakest > 0) {
    return aimed_at_weak_areas(work, stage, pool, earlier, rates_of(pool, deployed, scores));
  }
  auto uses = uses_of(earlier);
  std::map<std::string, std::vector<ledger::PromptId>> by_capability;
  for (const auto& prompt : pool.prompts()) by_capability[capability_of(prompt)].push_back(ledger::id_of(prompt));
  for (auto& [capability, prompts] : by_capability) {
    base::RandomStream(work.seed(stage), "prompts of " + capability).shuffle(std::span<ledger::PromptId>(prompts));
    std::stable_sort(prompts.begin(), prompts.end(), [&](auto a, auto b) { return uses[a] < uses[b]; });
  }
  // In turns, so that a capability with few prompts leaves its share to the others.
  PromptChoice choice;
  for (std::size_t turn = 0; choice.prompts.size() < wanted; ++turn) {
    for (const auto& [capability, prompts] : by_capability) {
      if (turn < prompts.size() && choice.prompts.size() < wanted) choice.prompts.push_back(prompts[turn]);
    }
  }
  return choice;
}

}  // namespace drover::rounds
