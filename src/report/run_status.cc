#include "report/run_status.h"

#include <fmt/format.h>

#include "base/error.h"
#include "ledger/running_process.h"

namespace drover::report {
namespace {

std::string_view name_of(RunStatus::State state) {
  switch (state) {
    case RunStatus::State::kDone:
      return "done";
    case RunStatus::State::kRunning:
      return "running";
    case RunStatus::State::kWaiting:
      return "waiting";
    case RunStatus::State::kInterrupted:
      return "interrupted";
  }
  return "";
}

std::string state_words(const RunStatus::Stage& stage) {
  switch (stage.state) {
    case RunStatus::State::kDone:
      return fmt::format("{:6.1f} s", stage.seconds);
    case RunStatus::State::kRunning:
      return "running";
    case RunStatus::State::kWaiting:
      return fmt::format("waiting for {} comparisons by people", stage.pending);
    case RunStatus::State::kInterrupted:
      return "unfinished: the same command goes on";
  }
  return "";
}

}  // namespace

RunStatus status_of(const ledger::Ledger& ledger) {
  const auto run = ledger.latest_run();
  if (!run) throw base::UserError("No run has begun in this home; start one with drover run RECIPE.");
  RunStatus status;
  status.recipe_name = run->recipe_name;
  status.began_at = run->began_at;
  status.is_running = ledger::is_running(run->process);
  for (const auto& key : ledger.stages_of_run(run->run)) {
    const auto stage = ledger.find_stage(key);
    const auto end = ledger.find_stage_end(key);
    RunStatus::Stage line;
    line.name = stage ? stage->name : key;
    line.key = key;
    if (end) {
      line.state = RunStatus::State::kDone;
      line.seconds = end->seconds;
      line.ended_at = end->ended_at;
    } else {
      line.pending = static_cast<std::int64_t>(ledger.pending_requests(key).size());
      line.state = status.is_running  ? RunStatus::State::kRunning
                   : line.pending > 0 ? RunStatus::State::kWaiting
                                      : RunStatus::State::kInterrupted;
    }
    status.stages.push_back(std::move(line));
  }
  status.facts = ledger.counts();
  status.removals = ledger.removals();
  return status;
}

std::string describe_status(const RunStatus& status) {
  std::string text = fmt::format("{}{}{}\n", status.recipe_name,
                                 status.began_at.empty() ? "" : ", begun " + status.began_at,
                                 status.is_running ? ", running" : "");
  double total = 0;
  for (const auto& stage : status.stages) {
    text += fmt::format("  {:<22} {}\n", stage.name, state_words(stage));
    total += stage.seconds;
  }
  text += fmt::format("  {:<22} {:6.1f} s\n", "work in all", total);
  for (const auto& [kind, count] : status.facts) text += fmt::format("  {:<22} {:>6}\n", kind, count);
  for (const auto& removal : status.removals)
    text += fmt::format("  the source {} was taken out at {}\n", removal.source, removal.removed_at);
  return text;
}

chat::Json status_json(const RunStatus& status) {
  chat::Json json = {{"recipe", status.recipe_name},
                     {"began_at", status.began_at},
                     {"is_running", status.is_running},
                     {"stages", chat::Json::array()},
                     {"facts", chat::Json::object()},
                     {"removed_sources", chat::Json::array()}};
  for (const auto& stage : status.stages) {
    json["stages"].push_back({{"name", stage.name},
                              {"key", stage.key},
                              {"state", name_of(stage.state)},
                              {"seconds", stage.seconds},
                              {"ended_at", stage.ended_at},
                              {"pending", stage.pending}});
  }
  for (const auto& [kind, count] : status.facts) json["facts"][kind] = count;
  for (const auto& removal : status.removals)
    json["removed_sources"].push_back({{"source", removal.source}, {"removed_at", removal.removed_at}});
  return json;
}

}  // namespace drover::report
