#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ledger/ledger.h"

namespace drover::evaluate {

/// `read_prompts` for a suite: a prompt without a checker is refused too, with file and line.
std::vector<ledger::Prompt> read_suite_prompts(const std::filesystem::path& file, const std::string& source,
                                               const std::string& licence);

}  // namespace drover::evaluate
