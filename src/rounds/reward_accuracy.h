#pragma once

#include <span>
#include <string>

#include "rounds/workspace.h"

namespace drover::rounds {

/// How often a reward model scores the preferred reply of a comparison above the other one, by level: the metric `name`
/// with the level's name as subject ("better"; levels without comparisons have none), the Wilson interval and the
/// number of comparisons, and all together under "all". An edited reply that ranks above the one it was made of counts
/// as a pair of level "edited". Comparisons without a preference do not count.
void record_reward_accuracy(Workspace& work, const std::string& stage, const std::string& name,
                            const ModelRef& reward_model, std::span<const FactSet> comparisons);

}  // namespace drover::rounds
