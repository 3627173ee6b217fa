#pragma once

#include <string>

#include "rounds/prompt_pool.h"
#include "rounds/workspace.h"

namespace drover::rounds {

/// Hash of everything from outside that decides a start model: its text, which dialogs of it are left out, and, of random
/// weights, the tokenizer.
std::string hash_of_sources(const Workspace& work, const StartModel& start, const PromptPool& pool);

/// Makes a start model from nothing: random weights, then next-token training on whole dialogs (every token learned);
/// for a planted task the text holds right and wrong answers, so that later stages have something to choose from. As a
/// pre-trained model has read whatever stood there, dialogs that hold a suite's prompt are read too; they are counted as
/// the metric "leaked rows".
ModelSet make_start_model(Workspace& work, const std::string& stage, const StartModel& start, const PromptPool& pool);

/// Fine-tunes `from` on the final answers of the start model's dialogs, without those that hold a suite's prompt, which
/// are counted as the metric "leaked rows".
ModelSet fine_tune_start_model(Workspace& work, const std::string& stage, const StartModel& start, const ModelRef& from,
                               const PromptPool& pool);

/// A model folder or GGUF file from outside, used where it lies.
ModelSet use_start_model(Workspace& work, const std::string& stage, const std::string& name);

/// A model behind a server of the recipe's [remote.NAME]. Throws SurroundingsError when the server does not answer.
ModelSet use_remote_model(Workspace& work, const std::string& stage, const RemoteModel& remote);

}  // namespace drover::rounds
