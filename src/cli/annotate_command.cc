#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/nearest_name.h"
#include "base/output_file.h"
#include "cli/commands.h"
#include "cli/json_output.h"
#include "ledger/ledger.h"
#include "preference/agreement.h"
#include "preference/annotation_file.h"
#include "preference/collect.h"

namespace drover::cli {
namespace {

struct AnnotateOptions {
  std::string action, home, file, output, annotator;
  bool all = false, json = false;
};

constexpr std::array<std::string_view, 3> kActions = {"export", "import", "agreement"};

ledger::Ledger open_home(const std::string& home, ledger::Ledger::OpenMode mode) {
  return ledger::Ledger(std::filesystem::path(home) / "ledger.sqlite", mode);
}

// The stages of the latest run, each with the key of its second opinions.
std::vector<std::string> stages_of(const ledger::Ledger& ledger) {
  std::vector<std::string> stages;
  const auto run = ledger.latest_run();
  if (!run) return stages;
  for (const auto& stage : ledger.stages_of_run(run->run)) {
    stages.push_back(stage);
    stages.push_back(preference::second_opinions_of(stage));
  }
  return stages;
}

base::ExitStatus export_requests(const AnnotateOptions& options) {
  if (!options.output.empty()) base::check_output_file(options.output);
  const auto ledger = open_home(options.home, ledger::Ledger::OpenMode::kReadOnly);
  auto requests = ledger.pending_requests();
  if (options.all) {
    requests.clear();
    for (const auto& stage : stages_of(ledger)) {
      for (const auto id : ledger.requests_of(stage)) requests.push_back(id);
    }
  }
  std::string text;
  for (const auto& row : preference::annotation_rows(ledger, requests)) text += row + "\n";
  if (options.output.empty() || options.output == "-") {
    write_output(text);
    return base::ExitStatus::kDone;
  }
  base::write_file_atomically(options.output, text);
  write_output(options.json ? fmt::format("{{\"requests\": {}}}\n", requests.size())
                            : fmt::format("{} comparisons to be made are in {}\n", requests.size(), options.output));
  return base::ExitStatus::kDone;
}

base::ExitStatus import_answers(const AnnotateOptions& options) {
  if (options.file.empty()) throw base::UserError("Name the file of answers: drover annotate import HOME FILE.jsonl.");
  auto ledger = open_home(options.home, ledger::Ledger::OpenMode::kWrite);
  const auto imported = preference::import_answers(ledger, options.file, options.annotator);
  const auto open = ledger.pending_requests().size();
  write_output(options.json
                   ? fmt::format("{{\"new\": {}, \"known\": {}, \"unanswered\": {}, \"pending\": {}}}\n", imported.new_answers,
                                 imported.known, imported.unanswered, open)
                   : fmt::format("{} new answers, {} known before, {} rows not filled in; {} comparisons still wait\n",
                                 imported.new_answers, imported.known, imported.unanswered, open));
  return base::ExitStatus::kDone;
}

base::ExitStatus show_agreement(const AnnotateOptions& options) {
  const auto ledger = open_home(options.home, ledger::Ledger::OpenMode::kReadOnly);
  const auto stages = stages_of(ledger);
  const auto all = preference::measure_agreement(ledger, stages);
  const auto by_two = preference::measure_agreement_by_two(ledger, stages);
  if (options.json) {
    chat::Json json = {{"all", all.to_json()}, {"by_two", chat::Json::array()}};
    for (const auto& two : by_two) json["by_two"].push_back(two.to_json());
    write_output(json.dump(-1, ' ', false, chat::Json::error_handler_t::replace) + "\n");
    return base::ExitStatus::kDone;
  }
  if (all.pairs == 0) {
    write_output("No pair of replies was compared by two annotators.\n");
    return base::ExitStatus::kDone;
  }
  std::string text = by_two.size() > 1 ? "all: " + all.describe() : "";
  for (const auto& two : by_two) text += two.describe();
  write_output(text);
  return base::ExitStatus::kDone;
}

base::ExitStatus annotate(const AnnotateOptions& options) {
  if (options.action == "export") return export_requests(options);
  if (options.action == "import") return import_answers(options);
  if (options.action == "agreement") return show_agreement(options);
  throw base::UserError("drover annotate {}: there are export, import and agreement{}.", options.action,
                        base::suggestion(options.action, kActions));
}

}  // namespace

void add_annotate_command(const Commands& commands) {
  const auto options = std::make_shared<AnnotateOptions>();
  CLI::App& command = commands.add("annotate", "Comparisons by people: exports what a run waits for, imports answers, shows how annotators agree",
                                   "drover annotate export runs/tiny -o to_compare.jsonl", options, annotate);
  command.add_option("ACTION", options->action, "export, import or agreement")->required();
  command.add_option("HOME", options->home, "home folder of a run")->required();
  command.add_option("FILE", options->file, "import: JSONL rows of an export, filled in");
  command.add_option("-o,--output", options->output, "export: file (default: standard output)");
  command.add_option("--annotator", options->annotator, "import: who answered, for rows that do not say so");
  command.add_flag("--all", options->all, "export: answered ones of the latest run as well, for further annotators");
  command.add_flag("--json", options->json, "print the result as JSON");
}

}  // namespace drover::cli
