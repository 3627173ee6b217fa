#pragma once

#include <functional>
#include <span>

#include "rounds/workspace.h"

namespace drover::rounds {

/// How one round samples for training.
struct RejectionPlan {
  std::int64_t round = 1;
  /// The model that answers the prompts of a capability: the one that is best at it.
  std::function<const ModelRef&(const std::string& capability)> sampler;
  ModelRef reward_model;
};

/// Rejection sampling (Llama 3 report, 4.2.2): K replies to each prompt by the model that is best at its capability; the
/// one that the reward model scores highest is kept. Replies cut by the length limit take no part unless the recipe
/// allows it, nor do replies in another language or script than the prompt's, nor wrong ones where it requires right
/// ones, nor those that the reward model cannot read; of equal scores the earlier sample wins. Later rounds put
/// system prompts in front and draw temperatures, as the recipe says. Records replies, verdicts, scores and, under the
/// rule "best of K", one decision a reply.
FactSet keep_best_replies(Workspace& work, const std::string& stage, const RejectionPlan& plan,
                          std::span<const ledger::PromptId> prompts);

}  // namespace drover::rounds
