#include "rounds/steering.h"

#include <algorithm>

#include "base/random_stream.h"
#include "ledger/ledger.h"
#include "rounds/prompt_pool.h"

namespace drover::rounds {
namespace {

const std::vector<std::string>& system_prompts_for(const Recipe& recipe, const ledger::Prompt& prompt) {
  static const std::vector<std::string> kNone;
  for (const auto& capability : recipe.capabilities) {
    if (capability.name == capability_of(prompt)) return capability.system_prompts;
  }
  return kNone;
}

}  // namespace

ledger::Prompt steered(const Recipe& recipe, const ledger::Prompt& prompt, std::uint64_t seed) {
  const auto& texts = system_prompts_for(recipe, prompt);
  if (texts.empty() || !prompt.dialog.tools.empty() || prompt.dialog.messages.front().sender == chat::Sender::kSystem)
    return prompt;
  base::RandomStream random(seed, "system prompt", static_cast<std::uint64_t>(ledger::id_of(prompt).value()));
  auto changed = prompt;
  changed.dialog.messages.insert(
      changed.dialog.messages.begin(),
      {.sender = chat::Sender::kSystem, .content = texts[static_cast<std::size_t>(random.below(texts.size()))]});
  return changed;
}

chat::Dialog without_steering(const Recipe& recipe, const ledger::Prompt& prompt) {
  auto dialog = prompt.dialog;
  const auto& texts = system_prompts_for(recipe, prompt);
  const auto& first = dialog.messages.front();
  if (first.sender == chat::Sender::kSystem && std::find(texts.begin(), texts.end(), first.content) != texts.end())
    dialog.messages.erase(dialog.messages.begin());
  return dialog;
}

}  // namespace drover::rounds
