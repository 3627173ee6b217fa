#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rounds/workspace.h"

namespace drover::rounds {

/// Trains reward models from the pre-trained checkpoint on the comparisons of all rounds so far whose level is high
/// enough, and averages them (Llama 3 report, 4.1.2). `newest` are those of this round alone. Recorded for the report:
/// what the newest hold (preference_mix.h), how the `previous` round's reward model ranks them, which it has not seen,
/// and how the new one ranks all (reward_accuracy.h).
ModelSet train_reward_models(Workspace& work, const std::string& stage, const std::string& label,
                             const ModelRef& pretrained, std::span<const FactSet> comparisons,
                             const std::optional<ModelRef>& previous, std::span<const FactSet> newest);

/// Trains DPO variants from the SFT model on the newest comparisons only, and averages them (Llama 3 report, 4.1.4).
ModelSet train_dpo_variants(Workspace& work, const std::string& stage, const std::string& label, const ModelRef& tuned,
                            std::span<const FactSet> comparisons);

}  // namespace drover::rounds
