#pragma once

#include <span>
#include <string>

#include "rounds/workspace.h"

namespace drover::rounds {

/// Rejection sampling (Llama 3 report, 4.2.2): K replies of the best deployed model to each prompt; the one that the
/// reward model scores highest is kept. Replies cut by the length limit take no part unless the recipe allows it; of
/// equal scores the earlier sample wins. Records replies, scores and, under the rule "best of K", one decision a reply.
FactSet keep_best_replies(Workspace& work, const std::string& stage, const ModelRef& sampler,
                          const ModelRef& reward_model, std::span<const ledger::PromptId> prompts);

}  // namespace drover::rounds
