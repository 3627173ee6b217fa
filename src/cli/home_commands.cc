// Commands that read the home folder of a run: status, trace, report.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/json_output.h"
#include "cli/terminal.h"
#include "ledger/ledger.h"
#include "report/html_page.h"
#include "report/run_summary.h"
#include "report/trace.h"

namespace drover::cli {
namespace {

struct HomeOptions {
  std::string home;
  std::string sample;
  std::string output;
};

ledger::Ledger open_home(const std::string& home) {
  return ledger::Ledger(std::filesystem::path(home) / "ledger.sqlite", ledger::Ledger::OpenMode::kReadOnly);
}

base::ExitStatus status(const HomeOptions& options) {
  const auto ledger = open_home(options.home);
  const auto summary = report::summarise(ledger);
  std::string text = fmt::format("{}\n{}", summary.recipe_name, report::describe_stages(summary));
  for (const auto& [kind, count] : summary.facts) text += fmt::format("  {:<22} {:>6}\n", kind, count);
  write_output(text + "\n" + report::describe_accuracies(summary));
  return base::ExitStatus::kDone;
}

base::ExitStatus trace(const HomeOptions& options) {
  const auto ledger = open_home(options.home);
  write_output(shown(report::describe_trace(ledger, options.sample)));
  return base::ExitStatus::kDone;
}

base::ExitStatus write_report(const HomeOptions& options) {
  const auto ledger = open_home(options.home);
  const auto path = options.output.empty() ? std::filesystem::path(options.home) / "report.html"
                                           : std::filesystem::path(options.output);
  base::write_file_atomically(path, report::html_page(report::summarise(ledger)));
  write_output(path.string() + "\n");
  return base::ExitStatus::kDone;
}

CLI::App& add(const Commands& commands, const char* name, const char* description, const char* example,
              const std::shared_ptr<HomeOptions>& options, base::ExitStatus (*act)(const HomeOptions&)) {
  CLI::App& command = commands.add(name, description, example, options, act);
  command.add_option("HOME", options->home, "home folder of a run")->required();
  return command;
}

}  // namespace

void add_status_command(const Commands& commands) {
  add(commands, "status", "Shows how far a run is", "drover status runs/tiny", std::make_shared<HomeOptions>(), status);
}

void add_trace_command(const Commands& commands) {
  const auto options = std::make_shared<HomeOptions>();
  add(commands, "trace", "Shows everything before and after a sample", "drover trace runs/tiny 4f", options, trace)
      .add_option("SAMPLE", options->sample, "the beginning of a reply's or a prompt's name")
      ->required();
}

void add_report_command(const Commands& commands) {
  const auto options = std::make_shared<HomeOptions>();
  add(commands, "report", "Writes the page about a run", "drover report runs/tiny", options, write_report)
      .add_option("--output", options->output, "file (default: HOME/report.html)");
}

}  // namespace drover::cli
