#pragma once

#include <optional>
#include <span>
#include <string>

#include "rounds/judge_stage.h"
#include "rounds/workspace.h"

namespace drover::rounds {

struct CollectedPreferences {
  FactSet facts;                 ///< all comparisons, also those without a preference; empty while people are waited for
  std::int64_t num_waiting = 0;  ///< comparisons that people have not answered yet
};

/// Who answers and who compares in a round.
struct CollectionPlan {
  std::span<const ModelRef> deployed;    ///< best first; the first one also edits and plays the user
  std::optional<ModelRef> reward_model;  ///< of the round before
  JudgeReport judge;
};

/// Two replies of two different deployed models to each prompt, compared by the recipe's annotators; where the recipe says
/// so, the preferred ones are edited, and prompts of some capabilities open dialogs with a comparison at every turn. Prompts
/// that leave a model no room for a reply are left out (PromptRoom), and dialogs end where the next turn would. Counts
/// of each level, equal pairs and three-way rows are recorded as the metric "comparisons", the annotators' agreement as
/// "agreement". Throws UserError when no annotator can compare.
CollectedPreferences collect_preferences(Workspace& work, const std::string& stage, const CollectionPlan& plan,
                                         std::span<const ledger::PromptId> prompts);

}  // namespace drover::rounds
