#pragma once

#include <span>
#include <string>
#include <vector>

#include "evaluate/suite.h"
#include "rounds/workspace.h"

namespace drover::rounds {

/// Scores models on the suites with the same sampling seed for all, so that they meet the same luck. Compares each with
/// the best model in `before` (may be empty) on the same prompts; the paired test's result is recorded as the metric
/// "p_value".
ScoreBoard score_models(Workspace& work, const std::string& stage, std::span<const ModelRef> models,
                        const std::vector<evaluate::Suite>& suites, const ScoreBoard& before);

/// The models in order of their mean accuracy; equal ones keep their order.
ModelSet best_first(const std::vector<ModelRef>& models, const ScoreBoard& scores);

/// What the next round deploys: the averaged model and the best variants beside it, or two different models could not
/// answer.
ModelSet choose_deployed(const ModelSet& aligned, const ScoreBoard& scores);

}  // namespace drover::rounds
