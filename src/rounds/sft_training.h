#pragma once

#include <string>

#include "rounds/curation.h"
#include "rounds/workspace.h"

namespace drover::rounds {

/// Trains SFT variants from the pre-trained checkpoint on the cleaned replies, and averages them (Llama 3
/// report, 4.1.3). System prompts that rejection sampling put in front are taken away again unless the recipe keeps
/// them.
ModelSet train_sft_variants(Workspace& work, const std::string& stage, const std::string& label,
                            const ModelRef& pretrained, const TrainingMix& mix);

}  // namespace drover::rounds
