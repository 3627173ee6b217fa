#include "chat/dialog_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/nearest_name.h"
#include "chat/checked_object.h"
#include "chat/dialog_json.h"
#include "chat/share_gpt.h"
#include "chat/strict_json.h"

namespace drover::chat {
namespace {

constexpr std::string_view kRowKeys[] = {"messages", "conversations", "prompt",    "completion", "chosen",
                                         "rejected", "responses",     "tools", "core_tools", "today"};

/// Reads a line. The keys that are passed over leave the row and, with `fields`, go there.
Json parse_row(std::string_view line, const DialogFileOptions& options, Json* fields = nullptr) {
  auto parsed = parse_strict_json(line);
  if (const auto* fault = std::get_if<JsonFault>(&parsed)) {
    throw base::UserError("the line is not JSON at byte {}: {}", fault->offset, fault->reason);
  }
  Json row = std::get<Json>(std::move(parsed));
  if (!row.is_object()) throw base::UserError("a row must be a JSON object, found {}", kind_of(row));
  for (const std::string& key : options.ignored_keys) {
    const auto found = row.find(key);
    if (found == row.end()) continue;
    if (fields != nullptr) (*fields)[key] = std::move(*found);
    row.erase(key);
  }
  return row;
}

RowShape shape_of(const Json& row) {
  const CheckedObject object(row, "");
  if (object.find("messages") != nullptr) return RowShape::kMessages;
  if (object.find("conversations") != nullptr) return RowShape::kShareGpt;
  if (object.find("responses") != nullptr) return RowShape::kRankedResponses;
  if (object.find("chosen") != nullptr || object.find("rejected") != nullptr) return RowShape::kChosenRejected;
  if (object.find("completion") != nullptr) return RowShape::kPromptCompletion;
  if (object.find("prompt") != nullptr) return RowShape::kPrompt;
  std::string hint;
  for (const auto& item : row.items()) {
    if (hint.empty()) hint = base::suggestion(item.key(), kRowKeys);
  }
  throw base::UserError("the row has none of the keys messages, conversations, prompt, responses, chosen{}", hint);
}

bool is_preference(RowShape shape) { return shape == RowShape::kChosenRejected || shape == RowShape::kRankedResponses; }

Dialog prompt_row(const Json& row) {
  const CheckedObject object(row, "");
  object.refuse_unknown_keys({"prompt", "completion", "tools", "core_tools", "today", "id"});
  Dialog dialog;
  const Json& prompt = object.at("prompt");
  if (prompt.is_string()) {
    dialog.messages.push_back({.sender = Sender::kUser, .content = prompt.get<std::string>()});
  } else {
    dialog.messages = messages_from_json(prompt, "prompt");
  }
  if (const Json* completion = object.find("completion")) {
    if (completion->is_string()) {
      dialog.messages.push_back({.sender = Sender::kAssistant, .content = completion->get<std::string>()});
    } else {
      for (Message& message : messages_from_json(*completion, "completion")) dialog.messages.push_back(std::move(message));
    }
  }
  read_dialog_extras(row, dialog);
  return dialog;
}

Dialog dialog_of(const Json& row, RowShape shape) {
  switch (shape) {
    case RowShape::kMessages: return dialog_from_json(row);
    case RowShape::kShareGpt: return dialog_from_share_gpt(row);
    case RowShape::kPrompt:
    case RowShape::kPromptCompletion: return prompt_row(row);
    default: throw base::UserError("expected a dialog, found a preference row ({})", describe(shape));
  }
}

PreferenceRow preference_of(const Json& row, RowShape shape, const DialogFileOptions& options) {
  if (!is_preference(shape)) throw base::UserError("expected a preference row, found a dialog ({})", describe(shape));
  return preference_row_from_json(row, options.unstated_level);
}

/// Reads the rows of a file, all of one shape; `read` makes something of one row and hands it on.
template <typename Read>
DialogFileReport for_each_row(const std::filesystem::path& path, const DialogFileOptions& options, const Read& read) {
  DialogFileReport report;
  std::optional<RowShape> shape;
  base::for_each_line(path, [&](std::int64_t number, std::string_view line) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
    try {
      Json fields = Json::object();
      const Json row = parse_row(line, options, &fields);
      const RowShape found = shape_of(row);
      if (shape && found != *shape) {
        throw base::UserError("a row of another shape: {} in a file of {}", describe(found), describe(*shape));
      }
      read(number, row, found, fields);
      shape = found;  // a row that is skipped decides nothing
      ++report.num_rows;
    } catch (const base::UserError& error) {
      if (options.on_bad_row == OnBadRow::kStop) throw base::UserError("{}, line {}: {}", path.string(), number, error.what());
      report.bad_rows.push_back({number, error.what()});
    }
  });
  if (report.num_rows == 0) {
    const std::string first = report.bad_rows.empty()
                                  ? std::string("the file is empty")
                                  : fmt::format("all {} rows are bad; line {}: {}", report.bad_rows.size(),
                                                report.bad_rows.front().line, report.bad_rows.front().reason);
    throw base::UserError("{} holds no rows that can be read: {}", path.string(), first);
  }
  report.shape = *shape;
  return report;
}

template <typename Row, typename ToJson>
void write_rows(const std::filesystem::path& path, std::span<const Row> rows, const ToJson& to_json) {
  base::AtomicFile file(path);
  errno = 0;
  std::ofstream stream(file.stream_path(), std::ios::binary);
  if (!stream) throw base::SurroundingsError("{} cannot be written: {}.", path.string(), std::strerror(errno));
  for (const Row& row : rows) stream << to_json(row).dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  stream.close();
  if (!stream) throw base::SurroundingsError("{} cannot be written: {}.", path.string(), std::strerror(errno));
  file.commit();
}

}  // namespace

std::string_view describe(RowShape shape) {
  switch (shape) {
    case RowShape::kMessages: return "OpenAI messages";
    case RowShape::kShareGpt: return "ShareGPT conversations";
    case RowShape::kPrompt: return "prompts alone";
    case RowShape::kPromptCompletion: return "TRL prompts and completions";
    case RowShape::kChosenRejected: return "TRL chosen and rejected";
    case RowShape::kRankedResponses: return "ranked responses";
  }
  return "";
}

std::string DialogFileReport::summary(const std::filesystem::path& path) const {
  std::string text = fmt::format("{}: {} {}, {}", path.string(), num_rows, num_rows == 1 ? "row" : "rows", describe(shape));
  if (!bad_rows.empty()) {
    text += fmt::format("; {} {} skipped (first: line {}: {})", bad_rows.size(), bad_rows.size() == 1 ? "row" : "rows",
                        bad_rows.front().line, bad_rows.front().reason);
  }
  return text;
}

DialogFileReport for_each_dialog(const std::filesystem::path& path, const DialogFileOptions& options,
                                 const std::function<void(std::int64_t line, Dialog dialog)>& on_dialog) {
  return for_each_row(path, options, [&](std::int64_t number, const Json& row, RowShape shape, const Json&) { on_dialog(number, dialog_of(row, shape)); });
}

DialogFileReport for_each_dialog_with_fields(const std::filesystem::path& path, const DialogFileOptions& options,
                                             const std::function<void(std::int64_t line, Dialog dialog, const Json& fields)>& on_dialog) {
  return for_each_row(path, options, [&](std::int64_t number, const Json& row, RowShape shape, const Json& fields) {
    on_dialog(number, dialog_of(row, shape), fields);
  });
}

DialogFileReport for_each_preference(const std::filesystem::path& path, const DialogFileOptions& options,
                                     const std::function<void(std::int64_t line, PreferenceRow row)>& on_row) {
  return for_each_row(path, options, [&](std::int64_t number, const Json& row, RowShape shape, const Json&) { on_row(number, preference_of(row, shape, options)); });
}

DialogFileReport for_each_dialog_or_preference(const std::filesystem::path& path, const DialogFileOptions& options,
                                               const std::function<void(std::int64_t line, Dialog dialog)>& on_dialog,
                                               const std::function<void(std::int64_t line, PreferenceRow row)>& on_preference) {
  return for_each_row(path, options, [&](std::int64_t number, const Json& row, RowShape shape, const Json&) {
    if (is_preference(shape)) {
      on_preference(number, preference_of(row, shape, options));
    } else {
      on_dialog(number, dialog_of(row, shape));
    }
  });
}

DialogFile read_dialog_file(const std::filesystem::path& path, const DialogFileOptions& options) {
  DialogFile file;
  file.report = for_each_dialog(path, options, [&](std::int64_t line, Dialog dialog) {
    file.dialogs.push_back(std::move(dialog));
    file.lines.push_back(line);
  });
  return file;
}

PreferenceFile read_preference_file(const std::filesystem::path& path, const DialogFileOptions& options) {
  PreferenceFile file;
  file.report = for_each_preference(path, options, [&](std::int64_t line, PreferenceRow row) {
    file.rows.push_back(std::move(row));
    file.lines.push_back(line);
  });
  return file;
}

Dialog parse_dialog_row(std::string_view line, const DialogFileOptions& options) {
  const Json row = parse_row(line, options);
  return dialog_of(row, shape_of(row));
}

PreferenceRow parse_preference_row(std::string_view line, const DialogFileOptions& options) {
  const Json row = parse_row(line, options);
  return preference_of(row, shape_of(row), options);
}

void write_dialog_file(const std::filesystem::path& path, std::span<const Dialog> dialogs) {
  write_rows(path, dialogs, dialog_to_json);
}

void write_preference_file(const std::filesystem::path& path, std::span<const PreferenceRow> rows) {
  write_rows(path, rows, preference_row_to_json);
}

}  // namespace drover::chat
