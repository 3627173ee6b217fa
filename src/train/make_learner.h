#pragma once

#include <memory>
#include <string_view>

#include "model/decoder.h"
#include "train/learner.h"
#include "train/train_options.h"

namespace drover::train {

/// The fastest learner that can train this decoder where it lies.
std::unique_ptr<Learner> make_learner(const model::Decoder& start, const TrainOptions& options);

/// Which one that is: "packed" or "autograd".
std::string_view learner_kind(const model::Decoder& start);

}  // namespace drover::train
