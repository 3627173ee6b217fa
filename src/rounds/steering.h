#pragma once

#include <cstdint>

#include "chat/dialog.h"
#include "ledger/facts.h"
#include "rounds/recipe.h"

namespace drover::rounds {

/// The prompt with one of its capability's system prompts in front, chosen by the seed. Prompts that bring a system
/// message or tools of their own, and capabilities without system prompts, stay as they are.
ledger::Prompt steered(const Recipe& recipe, const ledger::Prompt& prompt, std::uint64_t seed);

/// The prompt's dialog without a system message that `steered` put in front.
chat::Dialog without_steering(const Recipe& recipe, const ledger::Prompt& prompt);

}  // namespace drover::rounds
