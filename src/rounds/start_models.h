#pragma once

#include <string>

#include "rounds/workspace.h"

namespace drover::rounds {

/// Hash of everything from outside that decides a start model: its text and, of random weights, its tokenizer.
std::string hash_of_sources(const Workspace& work, const StartModel& start);

/// Makes a start model from nothing: random weights, then next-token training on whole dialogs (every token learned);
/// for a planted task the text holds right and wrong answers, so that later stages have something to choose from.
ModelSet make_start_model(Workspace& work, const std::string& stage, const StartModel& start);

/// Fine-tunes `from` on the final answers of the start model's dialogs.
ModelSet fine_tune_start_model(Workspace& work, const std::string& stage, const StartModel& start, const ModelRef& from);

/// A model folder or GGUF file from outside, used where it lies.
ModelSet use_start_model(Workspace& work, const std::string& stage, const std::string& name);

/// A model behind a server of the recipe's [remote.NAME]. Throws SurroundingsError when the server does not answer.
ModelSet use_remote_model(Workspace& work, const std::string& stage, const RemoteModel& remote);

}  // namespace drover::rounds
