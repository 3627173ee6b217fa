#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rounds/workspace.h"
#include "train/train_options.h"

namespace drover::rounds {

/// The recipe's training options with a seed.
train::TrainOptions train_options(const Workspace& work, const TrainSection& section, std::uint64_t seed);

/// One training run: the rows (indices into the stage's rows) and options of a variant.
using TrainOne = std::function<std::shared_ptr<const model::Model>(
    const std::shared_ptr<const model::Model>& start, const std::vector<std::size_t>& rows,
    const train::TrainOptions& options, const train::OnStep& on_step)>;

/// Trains the section's variants from `start` on different shares and orders of the rows, and averages them with equal
/// weights (Llama 3 report, 4.1.5: "models obtained from experiments using various versions of data or
/// hyperparameters"). `kind` is "reward", "sft" or "dpo"; `label` begins the models' names ("round 1").
ModelSet train_variants(Workspace& work, const std::string& stage, const std::string& label, const std::string& kind,
                        const ModelRef& start, const std::vector<ledger::TrainingRow>& rows,
                        const TrainSection& section, const std::string& options, const TrainOne& train_one);

}  // namespace drover::rounds
