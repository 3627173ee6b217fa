#pragma once

#include <string>
#include <string_view>

#include "ledger/ledger.h"

namespace drover::report {

/// Everything before and after a sample: its prompt, the model and stage it comes from, its scores, verdicts,
/// comparisons and decisions, the training rows it is part of, and the models that came of them. `sample` is the
/// beginning of a reply's or a prompt's name; a prompt shows all its replies. Throws UserError when nothing or more
/// than one thing has such a name.
std::string describe_trace(const ledger::Ledger& ledger, std::string_view sample);

}  // namespace drover::report
