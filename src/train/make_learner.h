#pragma once

#include <memory>

#include "model/decoder.h"
#include "train/learner.h"
#include "train/train_options.h"

namespace drover::train {

/// The fastest learner that can train this decoder where it lies.
std::unique_ptr<Learner> make_learner(const model::Decoder& start, const TrainOptions& options);

}  // namespace drover::train
