#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chat/dialog.h"
#include "chat/preference_row.h"

namespace drover::chat {

/// The shapes of rows that files of dialogs come in. The first row of a file that is taken decides; the others must have the same.
enum class RowShape {
  kMessages,          ///< {"messages": [...]}, OpenAI's
  kShareGpt,          ///< {"conversations": [{"from": ..., "value": ...}]}
  kPrompt,            ///< {"prompt": ...}
  kPromptCompletion,  ///< {"prompt": ..., "completion": ...}, TRL's
  kChosenRejected,    ///< {"chosen": ..., "rejected": ...}, TRL's, with or without "prompt"
  kRankedResponses,   ///< {"prompt": ..., "responses": [...]}, drover's
};

/// For people: "OpenAI messages", "ShareGPT conversations", ...
std::string_view describe(RowShape shape);

/// What to do with a row that cannot be read.
enum class OnBadRow { kStop, kSkip };

struct DialogFileOptions {
  OnBadRow on_bad_row = OnBadRow::kStop;
  std::vector<std::string> ignored_keys{};  ///< keys of rows that are passed over instead of refused ("source", "score")
  PreferenceLevel unstated_level = PreferenceLevel::kBetter;  ///< of preference rows that state none
};

struct BadRow {
  std::int64_t line = 0;
  std::string reason;
};

/// What a file held beside its rows.
struct DialogFileReport {
  RowShape shape = RowShape::kMessages;
  std::int64_t num_rows = 0;     ///< rows that were read
  std::vector<BadRow> bad_rows;  ///< rows that were skipped
  /// For people: "answers.jsonl: 120 rows, TRL chosen and rejected; 2 rows skipped (first: line 7: ...)".
  std::string summary(const std::filesystem::path& path) const;
};

/// Reads a JSONL file of dialogs (kMessages, kShareGpt, kPrompt, kPromptCompletion) row by row; "-" is standard input. Blank lines do
/// not count. Throws UserError "FILE, line N: REASON" at the first bad row with OnBadRow::kStop, and always when the file cannot be
/// read or holds no rows. A UserError out of `on_dialog` makes its row a bad row, so that callers can refuse rows in the same way.
DialogFileReport for_each_dialog(const std::filesystem::path& path, const DialogFileOptions& options,
                                 const std::function<void(std::int64_t line, Dialog dialog)>& on_dialog);

/// The same, with the values of the row's keys that `options.ignored_keys` names: an object, empty when it has none of them.
DialogFileReport for_each_dialog_with_fields(const std::filesystem::path& path, const DialogFileOptions& options,
                                             const std::function<void(std::int64_t line, Dialog dialog, const Json& fields)>& on_dialog);

/// The same for preference rows (kChosenRejected, kRankedResponses).
DialogFileReport for_each_preference(const std::filesystem::path& path, const DialogFileOptions& options,
                                     const std::function<void(std::int64_t line, PreferenceRow row)>& on_row);

/// Reads a file of either kind; its first row decides which of the two functions gets the rows.
DialogFileReport for_each_dialog_or_preference(const std::filesystem::path& path, const DialogFileOptions& options,
                                               const std::function<void(std::int64_t line, Dialog dialog)>& on_dialog,
                                               const std::function<void(std::int64_t line, PreferenceRow row)>& on_preference);

/// A whole file in memory; `lines[i]` is where `dialogs[i]` stood.
struct DialogFile {
  std::vector<Dialog> dialogs;
  std::vector<std::int64_t> lines;
  DialogFileReport report;
};
DialogFile read_dialog_file(const std::filesystem::path& path, const DialogFileOptions& options = {});

struct PreferenceFile {
  std::vector<PreferenceRow> rows;
  std::vector<std::int64_t> lines;
  DialogFileReport report;
};
PreferenceFile read_preference_file(const std::filesystem::path& path, const DialogFileOptions& options = {});

/// Reads one row of one of the dialog shapes. Throws UserError.
Dialog parse_dialog_row(std::string_view line, const DialogFileOptions& options = {});
PreferenceRow parse_preference_row(std::string_view line, const DialogFileOptions& options = {});

/// Write JSONL that the readers read back as equal rows.
void write_dialog_file(const std::filesystem::path& path, std::span<const Dialog> dialogs);
void write_preference_file(const std::filesystem::path& path, std::span<const PreferenceRow> rows);

}  // namespace drover::chat
