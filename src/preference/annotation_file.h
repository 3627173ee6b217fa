#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "chat/dialog.h"
#include "ledger/ledger.h"

namespace drover::preference {

/// Requests as JSONL for people, one a line:
///
///   {"request": NAME, "unit": "turn" | "message", "prompt": [messages], "tools": [...], "first": [messages],
///    "second": [messages], "preferred": null, "level": null, "edited": null, "reason": "", "annotator": ""}
///
/// The last five are for the person to fill in: "preferred" is "first", "second" or "neither"; "level" is
/// "marginally_better", "slightly_better", "better" or "significantly_better", and null with "neither"; "edited", which may
/// stay null, is the preferred reply made better, as a text or a list of messages. Models are not named.
/// Returns what was written: one JSON text a request.
std::vector<std::string> annotation_rows(const ledger::Ledger& ledger, const std::vector<ledger::ComparisonRequestId>& requests);

/// What an import did.
struct ImportedAnswers {
  std::int64_t new_answers = 0;
  std::int64_t known = 0;        ///< given before, with the same words
  std::int64_t unanswered = 0;   ///< "preferred" is still null
};

/// Reads filled-in rows; only "request" and the five keys for people are read. Rows without "annotator" are by `annotator`.
/// All rows are checked before the first is recorded: a file with a bad row changes nothing. Throws UserError with file,
/// line and reason for what is no such row, a request that the ledger does not hold, a level that does not fit, an edit
/// that equals the preferred reply or has messages of others than the assistant, and a second answer of one person to one
/// request.
ImportedAnswers import_answers(ledger::Ledger& ledger, const std::filesystem::path& file, const std::string& annotator);

/// One row, without what only the ledger knows: `preferred` is kNeither and `level` kNone also where it is not answered
/// (`is_answered`). Throws UserError.
struct AnswerRow {
  ledger::ComparisonAnswer answer;
  bool is_answered = false;
};
AnswerRow answer_row_from_json(const chat::Json& row);

}  // namespace drover::preference
