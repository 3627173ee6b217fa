#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "rounds/workspace.h"

namespace drover::rounds {

struct CollectedPreferences {
  FactSet facts;                 ///< all comparisons, also those without a preference
  std::int64_t num_waiting = 0;  ///< comparisons that people have not answered yet
};

/// Two replies of two different deployed models to each prompt, compared by the recipe's annotator. Counts of each
/// level are recorded as the metric "comparisons".
CollectedPreferences collect_preferences(Workspace& work, const std::string& stage, std::span<const ModelRef> deployed,
                                         std::span<const ledger::PromptId> prompts);

}  // namespace drover::rounds
