#pragma once

#include <memory>
#include <string>

#include "model/decoder.h"
#include "train/objective.h"
#include "train/step_report.h"
#include "train/train_options.h"

namespace drover::train {

/// Runs all steps of one training and returns the trained decoder (null when `TrainOptions::on_adapter` took what was trained). `what` names the run in messages ("sft"); `start_hash` names the
/// start model in checkpoints; the run lets go of `start` once its weights are copied.
std::shared_ptr<const model::Decoder> run_training(const std::string& what, std::shared_ptr<const model::Decoder> start,
                                                   const std::string& start_hash, Objective& objective, const TrainOptions& options, const OnStep& on_step);

}  // namespace drover::train
