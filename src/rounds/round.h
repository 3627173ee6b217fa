#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/progress.h"
#include "rounds/artefact.h"
#include "rounds/recipe.h"
#include "rounds/stage.h"

namespace drover::rounds {

struct RunOptions {
  std::filesystem::path home;    ///< ledger.sqlite, models/ and report.html live here
  std::string last_stage;        ///< stop after it: a name of `stage_names`, or a round's without "round N / ", which
                                 ///< means the first such; empty: to the end
  base::OnProgress on_progress;  ///< may throw to interrupt; the same call later goes on
  OnStage on_stage;
};

struct RunOutcome {
  bool is_waiting = false;    ///< people must answer first; the same call goes on after their answers are in the ledger
  std::string stopped_after;  ///< the stage named by `last_stage`; empty when the run went to its end
  ModelSet deployed;          ///< what the last finished round deploys: the average first
};

/// Runs all rounds of a recipe in a home folder. Finished stages are found, not repeated. Throws UserError for bad
/// input, a `last_stage` that no stage is called among it, and SurroundingsError when disk or memory fail.
RunOutcome run_recipe(const Recipe& recipe, const RunOptions& options);

/// The names of all stages of a run, in their order: "start / NAME", "start / evaluate", "round 1 / collect", ...
std::vector<std::string> stage_names(const Recipe& recipe);

/// What `run_recipe` would do at the most, for people: counts, options, time, memory. Reads all files, with UserErrors as there.
std::string describe_plan(const Recipe& recipe);

}  // namespace drover::rounds
