#pragma once

#include <span>
#include <string>

#include "rounds/prompt_pool.h"
#include "rounds/workspace.h"

namespace drover::rounds {

/// The prompts of a round (Llama 3 report, 4.2.1: every round brings new annotation, aimed at weak areas): all of them
/// when the recipe gives no number. Else in round 1 equal shares of the capabilities, and later more, and more complex,
/// prompts of the weakest capabilities (preference::plan_prompts, which also records how complex they became); of each
/// capability the prompts that earlier rounds had least come first.
PromptChoice choose_prompts(Workspace& work, const std::string& stage, const PromptPool& pool,
                            std::span<const PromptChoice> earlier, const ModelSet& deployed, const ScoreBoard& scores);

}  // namespace drover::rounds
