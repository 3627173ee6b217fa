#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chat/dialog.h"
#include "chat/dialog_file.h"

namespace drover::curate {

/// A training row and what is known about it. In JSONL the fields stand beside the dialog's keys under their own names.
struct Row {
  chat::Dialog dialog;
  std::optional<double> reward = {};                        ///< of a reward model
  std::optional<double> quality = {};                       ///< points of a judge: 0 to 3, of code 0 to 2
  std::optional<double> difficulty = {};                    ///< points of a judge: 1 to 3
  std::optional<std::vector<std::string>> intentions = {};  ///< InsTag's tags of the prompt; absent: unknown
  std::string capability = {};                              ///< "general", "code", ...; empty: unknown
  std::string source = {};                                  ///< where it comes from
  std::string topic = {};                                   ///< coarse
  std::string subtopic = {};                                ///< fine
};

struct RowFile {
  std::vector<Row> rows;
  std::vector<std::int64_t> lines;  ///< where each stood
  chat::DialogFileReport report;
};

/// Reads rows of dialogs with the fields above; `source` is what a row without that field gets. Other keys are refused,
/// those of `ignored_keys` passed over. Throws UserError "FILE, line N: REASON" as chat::for_each_dialog does.
RowFile read_rows(const std::filesystem::path& file, chat::OnBadRow on_bad_row, const std::string& source,
                  std::span<const std::string> ignored_keys = {});

/// Reads one row. Throws UserError.
Row row_of(chat::Dialog dialog, const chat::Json& fields);

/// One line of JSON, without its end, that `read_rows` reads back as an equal row.
std::string row_line(const Row& row);

/// Code's judges have other questions and fewer points than those of the other capabilities.
bool is_code(std::string_view capability);

}  // namespace drover::curate
