#pragma once

#include <cstdint>

#include "rounds/workspace.h"

namespace drover::rounds {

/// Contents of the files that the round takes comparisons from.
std::string hash_of_preference_files(const Workspace& work, std::int64_t round);

/// Records the round's share of the recipe's [preferences.NAME] as comparisons between imported replies; a row with three
/// responses becomes a comparison with an edited reply. No row comes twice. Throws UserError for rows that cannot be read.
FactSet import_preferences(Workspace& work, const std::string& stage, std::int64_t round);

}  // namespace drover::rounds
