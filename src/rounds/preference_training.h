#pragma once

#include <span>
#include <string>
#include <vector>

#include "rounds/workspace.h"

namespace drover::rounds {

/// Trains reward models from the pre-trained checkpoint on the comparisons of all rounds so far whose level is high
/// enough, and averages them (Llama 3 report, 4.1.2).
ModelSet train_reward_models(Workspace& work, const std::string& stage, const std::string& label,
                             const ModelRef& pretrained, std::span<const FactSet> comparisons);

/// Trains DPO variants from the SFT model on the newest comparisons only, and averages them (Llama 3 report, 4.1.4).
ModelSet train_dpo_variants(Workspace& work, const std::string& stage, const std::string& label, const ModelRef& tuned,
                            std::span<const FactSet> comparisons);

}  // namespace drover::rounds
