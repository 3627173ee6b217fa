#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/json_output.h"
#include "cli/progress_line.h"
#include "cli/report_files.h"
#include "ledger/ledger.h"
#include "ledger/running_process.h"
#include "report/run_summary.h"
#include "rounds/recipe.h"
#include "rounds/round.h"

namespace drover::cli {
namespace {

struct RunCommandOptions {
  std::string recipe;
  std::string home;
  std::string until;
  std::int64_t rounds = 0;
  bool dry_run = false;
};

rounds::OnStage print_stages(ProgressLine& line) {
  return [&line](const rounds::StageEvent& event) {
    using Kind = rounds::StageEvent::Kind;
    line.clear();
    switch (event.kind) {
      case Kind::kBegun:
        return;
      case Kind::kFinished:
        fmt::print("{:<24} {:6.1f} s\n", event.name, event.seconds);
        break;
      case Kind::kFound:
        fmt::print("{:<24} {:6.1f} s  done before\n", event.name, event.seconds);
        break;
      case Kind::kDamaged:
        fmt::print("{:<24} its files are missing or changed: done again\n", event.name);
        break;
    }
    std::fflush(stdout);
  };
}

// What a run that failed or was interrupted leaves to look at. What ended it is what must be told, so nothing is thrown.
void write_report_of_what_is_there(const std::filesystem::path& home) noexcept {
  try {
    if (!std::filesystem::exists(home / "ledger.sqlite")) return;
    const ledger::Ledger ledger(home / "ledger.sqlite", ledger::Ledger::OpenMode::kReadOnly);
    const auto run = ledger.latest_run();
    if (!run || ledger.stages_of_run(run->run).empty()) return;
    if (run->process != ledger::this_process()) return;  // another process works there, or had worked
    write_output(fmt::format("\nreport of what is done: {}\n", write_report_files(home, report::summarise(ledger)).at(0).string()));
  } catch (...) {
  }
}

base::ExitStatus run(const RunCommandOptions& options) {
  // A plan can be read before the models are there.
  auto recipe = rounds::read_recipe(options.recipe, options.dry_run ? rounds::MissingModels::kAllow : rounds::MissingModels::kRefuse);
  if (options.rounds > 0) recipe.rounds = options.rounds;
  if (options.dry_run) {
    write_output(rounds::describe_plan(recipe));
    return base::ExitStatus::kDone;
  }
  const std::filesystem::path home =
      options.home.empty() ? std::filesystem::path("runs") / recipe.name : std::filesystem::path(options.home);
  rounds::RunOutcome outcome;
  try {
    ProgressLine line;
    outcome = rounds::run_recipe(recipe, {.home = home,
                                          .last_stage = options.until,
                                          .on_progress = line.on_progress(),
                                          .on_stage = print_stages(line)});
  } catch (...) {
    write_report_of_what_is_there(home);
    throw;
  }
  const ledger::Ledger ledger(home / "ledger.sqlite", ledger::Ledger::OpenMode::kReadOnly);
  const auto summary = report::summarise(ledger);
  const auto files = write_report_files(home, summary);
  write_output(fmt::format("\n{}\nreport: {}\n", report::describe_accuracies(summary), files.at(0).string()));
  if (files.size() > 1) write_output(fmt::format("model card: {}\n", files[1].string()));
  if (outcome.is_waiting) {
    write_output("Waiting for people: import their comparisons, then run the same command again.\n");
    return base::ExitStatus::kWaitingForPeople;
  }
  return base::ExitStatus::kDone;
}

}  // namespace

void add_run_command(const Commands& commands) {
  const auto options = std::make_shared<RunCommandOptions>();
  CLI::App& command = commands.add("run", "Runs all rounds of a recipe; the same command resumes what was interrupted",
                                   "drover run recipes/tiny.toml", options, run);
  command.add_option("RECIPE", options->recipe, "TOML file")->required();
  command.add_option("--home", options->home, "folder for ledger, models and report (default: runs/NAME)");
  command.add_option("--until", options->until, "stop after this stage: \"sft\", or \"round 2 / sft\"");
  command.add_option("--rounds", options->rounds, "as many rounds as this, instead of the recipe's")
      ->check(CLI::Range(1, 1000));
  command.add_flag("--dry-run", options->dry_run, "print the plan and do nothing");
}

}  // namespace drover::cli
