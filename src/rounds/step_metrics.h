#pragma once

#include <string>
#include <vector>

#include "rounds/workspace.h"
#include "train/step_report.h"

namespace drover::rounds {

/// Records the steps of one training run in the ledger, for the curves of the report: the metric "loss", and what the
/// trainer says beside it (train::StepReport::metrics) as "step margin", "step accuracy" and so on. `subject` names the
/// model that was trained.
void record_steps(Workspace& work, const std::string& stage, const std::string& subject,
                  const std::vector<train::StepReport>& steps);

}  // namespace drover::rounds
