#pragma once

#include <filesystem>
#include <vector>

#include "ledger/facts.h"

namespace drover::evaluate {

// One function a set: its rows as chat prompts with checker, expected answer and tags. Source and licence are filled in by the registry.
// `folder` is the set's own. Each throws UserError with file and line.

using Prompts = std::vector<ledger::Prompt>;

Prompts gsm8k_prompts(const std::filesystem::path& folder);           ///< the held-out tenth
Prompts gsm8k_training_prompts(const std::filesystem::path& folder);  ///< the rest
Prompts svamp_prompts(const std::filesystem::path& folder);
Prompts arithmetic_prompts(const std::filesystem::path& folder);
Prompts aqua_prompts(const std::filesystem::path& folder);
Prompts mmlu_prompts(const std::filesystem::path& folder);
Prompts arc_prompts(const std::filesystem::path& folder);
Prompts triviaqa_prompts(const std::filesystem::path& folder);
Prompts nq_open_prompts(const std::filesystem::path& folder);
Prompts ifeval_prompts(const std::filesystem::path& folder);
Prompts bfcl_prompts(const std::filesystem::path& folder);

}  // namespace drover::evaluate
