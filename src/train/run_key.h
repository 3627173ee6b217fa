#pragma once

#include <string>
#include <string_view>

#include "train/objective.h"
#include "train/train_options.h"

namespace drover::train {

/// Names everything that the numbers of a run depend on, to the last bit, but for build, processor and number of threads. `start_hash`:
/// of the start model; `learner`: what computes (`learner_kind`), since two kinds round in two ways.
std::string run_key(const std::string& start_hash, std::string_view learner, const Objective& objective, const TrainOptions& options);

}  // namespace drover::train
