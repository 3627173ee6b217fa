#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "rounds/prompt_pool.h"
#include "rounds/workspace.h"

namespace drover::rounds {

/// Scores models on the suites with the same sampling seed for all, so that they meet the same luck. Compares each with
/// the best model in `before` (may be empty) on the same prompts; the paired test's result is recorded as the metric
/// "p_value".
ScoreBoard score_models(Workspace& work, const std::string& stage, std::span<const ModelRef> models,
                        const std::vector<CapabilitySuite>& suites, const ScoreBoard& before);

/// The models in order of their mean accuracy; equal ones keep their order.
ModelSet best_first(const std::vector<ModelRef>& models, const ScoreBoard& scores);

/// The model that is best at a capability by the suites that measure it; the first one, best over all, when none does.
const ModelRef& best_at(const std::string& capability, const ModelSet& deployed, const ScoreBoard& scores,
                        const std::map<std::string, std::set<std::string>>& suites_by_capability);

/// What the next round deploys: DPO's averaged model and its variants, best first, each once. Where these are all equal
/// (very few comparisons), the SFT models join them, or two different models could not answer.
ModelSet choose_deployed(const ModelSet& tuned, const ModelSet& aligned, const ScoreBoard& scores);

}  // namespace drover::rounds
