#include "rounds/choose_prompts.h"

#include <algorithm>
#include <map>
#include <vector>

#include "base/random_stream.h"

namespace drover::rounds {
namespace {

std::map<ledger::PromptId, std::int64_t> uses_of(std::span<const PromptChoice> earlier) {
  std::map<ledger::PromptId, std::int64_t> uses;
  for (const auto& choice : earlier) {
    for (const auto prompt : choice.prompts) ++uses[prompt];
  }
  return uses;
}

}  // namespace

PromptChoice choose_prompts(Workspace& work, const std::string& stage, const PromptPool& pool,
                            std::span<const PromptChoice> earlier, const ModelSet&, const ScoreBoard&) {
  const auto wanted = static_cast<std::size_t>(work.recipe.collect.prompts_per_round);
  if (wanted == 0 || wanted >= pool.prompts().size()) {
    PromptChoice all;
    for (const auto& prompt : pool.prompts()) all.prompts.push_back(ledger::id_of(prompt));
    return all;
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
