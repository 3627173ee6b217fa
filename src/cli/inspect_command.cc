#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/output_file.h"
#include "chat/dialog_file.h"
#include "cli/choose_format.h"
#include "cli/commands.h"
#include "cli/inspect_page.h"
#include "cli/inspect_table.h"
#include "cli/inspected_row.h"
#include "cli/interruption.h"
#include "cli/json_output.h"
#include "model/model_path.h"
#include "cli/terminal.h"

namespace drover::cli {
namespace {

struct InspectOptions {
  std::string model;
  std::string dialogs;
  std::string format;
  std::string html;
  std::string learn = "final";
  std::int64_t first = 0;
};

/// Whether a line is a preference row, told by its keys; a line that is no JSON object is left to the dialog reader to refuse.
bool is_preference(std::string_view line) {
  const auto row = nlohmann::json::parse(line, nullptr, false);
  return row.is_object() && (row.contains("chosen") || row.contains("rejected") || row.contains("responses"));
}

InspectedRow inspect_line(const chat::ChatFormat& format, std::string_view line, bool learn_all) {
  if (is_preference(line)) return inspect_preference(format, chat::parse_preference_row(line));
  return inspect_dialog(format, chat::parse_dialog_row(line), learn_all);
}

base::ExitStatus inspect(const InspectOptions& options) {
  if (!options.html.empty()) base::check_output_file(options.html);
  const auto format = choose_format(options.format, model::model_path(options.model));
  const bool colour = wants_colour(stdout);
  const auto file = options.dialogs == "-" ? std::string("standard input") : options.dialogs;
  std::vector<InspectedRow> rows;
  std::int64_t num_rows = 0;
  base::for_each_line(options.dialogs, [&](std::int64_t number, std::string_view line) {
    throw_if_interrupted();
    const bool blank = line.find_first_not_of(" \t\r") == std::string_view::npos;
    if (blank || (options.first > 0 && num_rows >= options.first)) return;
    ++num_rows;
    InspectedRow row;
    try {
      row = inspect_line(*format, line, options.learn == "all");
    } catch (const base::UserError& error) {
      throw base::UserError("{}, line {}: {}", file, number, error.what());
    }
    row.line = number;
    if (options.html.empty()) {
      const auto title = fmt::format("{}{}, line {}: {} tokens, format {}", num_rows == 1 ? "" : "\n", shown(file), number, row.tokens.size(), format->name());
      write_output(inspect_table(row, title, colour));
    } else {
      rows.push_back(std::move(row));
    }
  });
  if (num_rows == 0) throw base::UserError("{} holds no rows: each line should be one JSON object like {{\"messages\": [...]}}.", file);
  if (!options.html.empty()) {
    base::write_file_atomically(options.html, inspect_page(rows, file, options.model, format->name()));
    write_output(fmt::format("{}: {} rows\n", options.html, rows.size()));
  }
  return base::ExitStatus::kDone;
}

}  // namespace

void add_inspect_command(const Commands& commands) {
  const auto options = std::make_shared<InspectOptions>();
  CLI::App& command = commands.add("inspect", "Shows every token of dialogs or preference rows, and what training would learn there",
                                   "drover inspect smollm2-135m-instruct docs/examples/preferences.jsonl", options, inspect);
  command.add_option("MODEL", options->model, "model folder, .gguf file or short name")->required();
  command.add_option("DIALOGS", options->dialogs, "JSONL file of dialogs or preference rows; - is standard input")->required();
  command.add_option("--html", options->html, "write one self-contained page to this file instead");
  command.add_option("--learn", options->learn, "which assistant turns SFT learns: final or all")
      ->capture_default_str()
      ->check(CLI::IsMember({"final", "all"}));
  command.add_option("--first", options->first, "only this many rows; 0: all")->capture_default_str()->check(CLI::NonNegativeNumber);
  command.add_option("--format", options->format, "chat format, in place of the one that the model's template tells");
}

}  // namespace drover::cli
