// Commands that read the home folder of a run: status, trace, report, compare.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/file.h"
#include "base/output_file.h"
#include "cli/commands.h"
#include "cli/json_output.h"
#include "cli/report_files.h"
#include "cli/terminal.h"
#include "ledger/ledger.h"
#include "report/html_page.h"
#include "report/run_comparison.h"
#include "report/run_status.h"
#include "report/run_summary.h"
#include "report/summary_json.h"
#include "report/trace.h"

namespace drover::cli {
namespace {

struct HomeOptions {
  std::string home;
  std::string other_home;
  std::string name;
  bool json = false;
  bool check = false;
  std::string output;
};

ledger::Ledger open_home(const std::string& home) {
  return ledger::Ledger(std::filesystem::path(home) / "ledger.sqlite", ledger::Ledger::OpenMode::kReadOnly);
}

std::string json_line(const chat::Json& json) {
  return json.dump(-1, ' ', false, chat::Json::error_handler_t::replace) + "\n";
}

base::ExitStatus status(const HomeOptions& options) {
  const auto ledger = open_home(options.home);
  if (options.check) {
    if (const auto damage = ledger.damage(); !damage.empty()) {
      throw base::UserError("The ledger of {} is damaged ({}); restore it from a copy.", options.home, damage[0]);
    }
  }
  const auto status = report::status_of(ledger);
  if (options.json) {
    write_output(json_line(report::status_json(status)));
  } else {
    write_output(shown(report::describe_status(status)) + "\n" +
                 report::describe_accuracies(report::summarise(ledger)));
  }
  return base::ExitStatus::kDone;
}

base::ExitStatus trace(const HomeOptions& options) {
  const auto ledger = open_home(options.home);
  const auto trace = report::trace_of(ledger, options.name);
  write_output(options.json ? json_line(trace) : shown(report::text_of_trace(trace)));
  return base::ExitStatus::kDone;
}

base::ExitStatus compare(const HomeOptions& options) {
  const auto comparison = report::compare_runs(open_home(options.home), open_home(options.other_home));
  write_output(options.json ? json_line(comparison)
                            : shown(report::describe_comparison(comparison, options.home, options.other_home)));
  return base::ExitStatus::kDone;
}

base::ExitStatus write_report(const HomeOptions& options) {
  if (!options.output.empty()) base::check_output_file(options.output);
  const auto ledger = open_home(options.home);
  const auto summary = report::summarise(ledger);
  if (options.json) {
    write_output(json_line(report::summary_json(summary)));
  } else if (!options.output.empty()) {
    base::write_file_atomically(options.output, report::html_page(summary));
    write_output(options.output + "\n");
  } else {
    for (const auto& path : write_report_files(options.home, summary)) write_output(path.string() + "\n");
  }
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
  const auto options = std::make_shared<HomeOptions>();
  auto& command = add(commands, "status", "Shows how far a run is", "drover status runs/tiny", options, status);
  command.add_flag("--json", options->json, "one JSON object");
  command.add_flag("--check", options->check, "read the whole ledger and say whether it is intact");
}

void add_trace_command(const Commands& commands) {
  const auto options = std::make_shared<HomeOptions>();
  auto& command = add(commands, "trace", "Shows everything before and after a prompt, reply, comparison, training row or model",
                      "drover trace runs/tiny 4f", options, trace);
  command.add_option("ID", options->name, "the beginning of its name")->required();
  command.add_flag("--json", options->json, "one JSON object");
}

void add_compare_command(const Commands& commands) {
  const auto options = std::make_shared<HomeOptions>();
  auto& command = add(commands, "compare", "Shows what two runs did differently, and how their models do",
                      "drover compare runs/tiny runs/other", options, compare);
  command.add_option("OTHER", options->other_home, "home folder of the run to compare with")->required();
  command.add_flag("--json", options->json, "one JSON object");
}

void add_report_command(const Commands& commands) {
  const auto options = std::make_shared<HomeOptions>();
  auto& command = add(commands, "report", "Writes the page about a run, and the card of the model that it deployed",
                      "drover report runs/tiny", options, write_report);
  auto* output = command.add_option("--output", options->output, "write the page alone, to this file (default: HOME/report.html)");
  command.add_flag("--json", options->json, "print the page's figures as JSON and write nothing")->excludes(output);
}

}  // namespace drover::cli
