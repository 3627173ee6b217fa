#pragma once

#include <string>
#include <vector>

#include "chat/dialog.h"
#include "ledger/facts.h"

namespace drover::evaluate {

/// A prompt of one user message.
ledger::Prompt asked(std::string text, std::string checker, std::string expected, std::vector<std::string> tags);

/// A row's text. Throws UserError when it is missing or something else.
std::string row_text(const chat::Json& row, const char* key);
/// A row's number as it is written; a text is taken as it stands.
std::string row_number(const chat::Json& row, const char* key);
/// A row's list of texts.
std::vector<std::string> row_texts(const chat::Json& row, const char* key);

/// "A. first\nB. second\n..."; at most 26.
std::string lettered(const std::vector<std::string>& choices);

}  // namespace drover::evaluate
