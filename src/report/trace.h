#pragma once

#include <string>
#include <string_view>

#include "chat/dialog.h"
#include "ledger/ledger.h"

namespace drover::report {

/// Everything before and after one fact of a ledger: a prompt, a reply, a comparison, a training row or a model, named
/// by the beginning of its name (hexadecimal digits).
///
///   prompt      source, licence, dialog so far; every reply with what was said about it; the next turns
///   reply       its prompt, model and stage; scores, verdicts, comparisons, decisions; the training rows it is part of,
///               the models that came of them
///   comparison  the prompt and its replies, who preferred which and why; rows and models
///   row         its stage, the replies with their prompts; models
///   model       what it was made of to the first ancestor, and of which data; what was made of it
///
/// Throws UserError when nothing has such a name, or more than one thing does: the message then lists them.
chat::Json trace_of(const ledger::Ledger& ledger, std::string_view name);

/// A trace as text for people.
std::string text_of_trace(const chat::Json& trace);

/// Both together.
std::string describe_trace(const ledger::Ledger& ledger, std::string_view name);

}  // namespace drover::report
