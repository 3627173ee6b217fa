#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <memory>
#include <string>

#include "chat/dialog.h"
#include "cli/commands.h"
#include "cli/json_output.h"
#include "cli/terminal.h"
#include "ledger/ledger.h"

namespace drover::cli {
namespace {

struct ForgetOptions {
  std::string home;
  std::string source;
  bool dry_run = false;
  bool json = false;
};

std::string describe(const ledger::SourceRemoval& removal, bool dry_run) {
  auto text = fmt::format("{} from the source {}\n", dry_run ? "Would be removed" : "Removed", removal.source);
  for (const auto& [table, count] : removal.counts) {
    if (count > 0) text += fmt::format("  {:<26} {:>8}\n", table, count);
  }
  text += removal.models.empty() ? "No model was trained on it.\n" : "Models that were trained on it, and their descendants\n";
  for (const auto& model : removal.models) text += fmt::format("  {}  {}  {}\n", model.hash, model.name, model.folder);
  if (!removal.stages.empty()) {
    text += fmt::format("Stages that the next run does again: {}. Take the source out of the recipe first.\n",
                        fmt::join(removal.stages, ", "));
  }
  return text;
}

std::string as_json(const ledger::SourceRemoval& removal, bool dry_run) {
  chat::Json json = {{"source", removal.source},
                     {"is_dry_run", dry_run},
                     {"removed", chat::Json::object()},
                     {"models", chat::Json::array()},
                     {"stages", removal.stages}};
  for (const auto& [table, count] : removal.counts) json["removed"][table] = count;
  for (const auto& model : removal.models)
    json["models"].push_back({{"hash", model.hash}, {"name", model.name}, {"folder", model.folder}});
  return json.dump(-1, ' ', false, chat::Json::error_handler_t::replace) + "\n";
}

base::ExitStatus forget(const ForgetOptions& options) {
  ledger::Ledger ledger(std::filesystem::path(options.home) / "ledger.sqlite", ledger::Ledger::OpenMode::kWrite);
  const auto removal = ledger.forget_source(options.source, options.dry_run);
  write_output(options.json ? as_json(removal, options.dry_run) : shown(describe(removal, options.dry_run)));
  return base::ExitStatus::kDone;
}

}  // namespace

void add_forget_command(const Commands& commands) {
  const auto options = std::make_shared<ForgetOptions>();
  CLI::App& command = commands.add("forget", "Takes the data of one source out of a ledger and lists the models that had learned from it",
                                   "drover forget runs/tiny --source planted --dry-run", options, forget);
  command.add_option("HOME", options->home, "home folder of a run")->required();
  command.add_option("--source", options->source, "the source's name, as the recipe calls it")->required();
  command.add_flag("--dry-run", options->dry_run, "say what would go and change nothing");
  command.add_flag("--json", options->json, "one JSON object");
}

}  // namespace drover::cli
