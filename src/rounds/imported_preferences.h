#pragma once

#include <cstdint>

#include "rounds/prompt_pool.h"
#include "rounds/workspace.h"

namespace drover::rounds {

/// Contents of the files that the round takes comparisons from.
std::string hash_of_preference_files(const Workspace& work, std::int64_t round);

/// Records the round's share of the recipe's [preferences.NAME] as comparisons between imported replies. A row with an
/// edited response becomes a comparison with an edited reply; of any other ranking the best and the worst response are
/// compared, by the largest level between them. Rows without a preference are recorded, and never trained on. Rows whose
/// prompt holds a suite's are left out and counted as the metric "leaked rows". No row comes twice. Throws UserError for
/// rows that cannot be read.
FactSet import_preferences(Workspace& work, const std::string& stage, std::int64_t round, const PromptPool& pool);

}  // namespace drover::rounds
