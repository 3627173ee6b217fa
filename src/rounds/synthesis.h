#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "rounds/workspace.h"

namespace drover::rounds {

/// What decides a round's dialogs from elsewhere beside the recipe's text: the contents of its files, and of those files
/// that its commands name by a word of their own. What these read in turn is not known here.
std::string hash_of_synthetic_files(const Workspace& work, std::int64_t round);

/// Records the round's training dialogs from elsewhere: the recipe's [synthetic.NAME] files and commands. A dialog's
/// final assistant turn becomes a synthetic generation, what stands before it a prompt; under the rule
/// "synthetic" each is kept. Commands get the round's prompts as JSONL; what one has written is kept in
/// the home and read again when the stage is resumed, once all of it can be learned from. Throws UserError for dialogs
/// that cannot be read or end without an answer, and for commands that fail or write none.
FactSet add_synthetic_dialogs(Workspace& work, const std::string& stage, std::int64_t round,
                              std::span<const ledger::PromptId> prompts);

}  // namespace drover::rounds
