#pragma once

#include <memory>
#include <vector>

#include "text/pre_tokenizer.h"
#include "text/split_step.h"

namespace drover::text {

/// Makes the pre-tokenizer that takes these steps. The sequences of GPT-2, SmolLM, Llama 3 and Qwen run as one
/// hand-written scan; others take step after step. Throws UserError when a pattern is wrong.
std::unique_ptr<const PreTokenizer> make_pre_tokenizer(std::vector<SplitStep> steps);

/// The same without the hand-written scans, the plain reading of the steps that they are tested against.
std::unique_ptr<const PreTokenizer> make_stepwise_pre_tokenizer(std::vector<SplitStep> steps);

}  // namespace drover::text
