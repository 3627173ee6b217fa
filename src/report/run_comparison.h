#pragma once

#include <string>

#include "chat/dialog.h"
#include "ledger/ledger.h"

namespace drover::report {

/// What two runs did differently: the lines of their recipes, the rows that they trained on by kind and source, the
/// time of each stage, and the accuracy of the last model that each scored on a suite, with 95% intervals. Where both
/// answered the same prompts of a suite, the exact paired test (McNemar) says how likely such a difference is by chance.
/// Throws UserError when no run has begun in one of them.
chat::Json compare_runs(const ledger::Ledger& first, const ledger::Ledger& second);

/// The same for people; `first` and `second` are what the runs are called.
std::string describe_comparison(const chat::Json& comparison, const std::string& first, const std::string& second);

}  // namespace drover::report
