#pragma once

#include "rounds/prompt_pool.h"
#include "rounds/recipe.h"

namespace drover::rounds {

/// Whether the capabilities that a recipe names are there: [capabilities.NAME] and `multi_turn` among those of the prompts,
/// `epochs` and `shares` of [curate] among those of the prompts and of the dialogs from elsewhere. Throws UserError with the
/// nearest name for one that is not.
void check_capability_names(const Recipe& recipe, const PromptPool& pool);

}  // namespace drover::rounds
