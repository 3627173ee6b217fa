#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ledger/ledger.h"

namespace drover::evaluate {

/// `read_prompts` for a suite: a prompt without a checker is refused too, with file and line.
std::vector<ledger::Prompt> read_suite_prompts(const std::filesystem::path& file, const std::string& source,
                                               const std::string& licence);

/// What tells the questions of a set apart: a prompt that differs only in tags and difficulty asks the same again.
ledger::PromptId id_of_question(ledger::Prompt prompt);

}  // namespace drover::evaluate
