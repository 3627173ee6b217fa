#include "train/train_options.h"

#include <cmath>
#include <limits>

#include "base/error.h"
#include "train/trainer.h"

namespace drover::train {
namespace {

using base::UserError;

// Comparisons are written so that NaN fails too.

void check_positive(const char* name, double value) {
  if (!(value > 0.0) || !std::isfinite(value)) throw UserError("{} = {} is not possible: it must be a positive number.", name, value);
}

void check_not_negative(const char* name, double value) {
  if (!(value >= 0.0) || !std::isfinite(value)) throw UserError("{} = {} is not possible: it must be 0 (off) or positive.", name, value);
}

void check_below(const char* name, double value, double limit) {
  if (!(value >= 0.0 && value < limit)) throw UserError("{} = {} is not possible: it must be from 0 to below {}.", name, value, limit);
}

void check_count(const char* name, std::int64_t value, std::int64_t least, std::int64_t most = std::numeric_limits<std::int64_t>::max()) {
  if (value < least) throw UserError("{} = {} is not possible: it must be at least {}.", name, value, least);
  if (value > most) throw UserError("{} = {} is not possible: it must be at most {}.", name, value, most);
}

// The plan of all steps lies in memory, with one number for each row that each step takes.
constexpr std::int64_t kMaxSteps = 100'000'000;
constexpr std::int64_t kMaxRowsPerStep = 1'000'000;
constexpr std::int64_t kMaxTokensPerStep = 100'000'000;
constexpr double kMaxEpochs = 1e6;

}  // namespace

void AdamWOptions::validate() const {
  check_below("beta1", beta1, 1.0);
  check_below("beta2", beta2, 1.0);
  check_positive("epsilon", epsilon);
  check_not_negative("weight_decay", weight_decay);
}

void TrainOptions::validate() const {
  if (!(learning_rate > 0.0 && learning_rate <= 1.0)) {
    throw UserError("learning_rate = {} is not possible: it must be above 0 and at most 1.", learning_rate);
  }
  schedule.validate();
  adamw.validate();
  lora.validate();
  check_not_negative("clip_norm", clip_norm);
  check_count("steps", steps, 0, kMaxSteps);
  if (steps == 0) {
    check_positive("epochs", epochs);
    if (epochs > kMaxEpochs) throw UserError("epochs = {} is not possible: it must be at most {}.", epochs, kMaxEpochs);
  }
  check_count("tokens_per_step", tokens_per_step, 0, kMaxTokensPerStep);
  if (tokens_per_step == 0) check_count("rows_per_step", rows_per_step, 1, kMaxRowsPerStep);
  check_count("packed_tokens", packed_tokens, 0);
  if (!checkpoint_folder.empty()) {
    check_count("checkpoint_every", checkpoint_every, 1);
    check_count("keep_checkpoints", keep_checkpoints, 1);
  }
}

void RewardOptions::validate() const {
  train.validate();
  check_not_negative("centring", centring);
}

void DpoOptions::validate() const {
  train.validate();
  check_positive("beta", beta);
  check_not_negative("nll_weight", nll_weight);
  check_below("label_smoothing", label_smoothing, 0.5);
  check_not_negative("positive_weight", positive_weight);
  if (loss == DpoLoss::kIpo && (label_smoothing != 0.0 || positive_weight != 0.0)) {
    throw UserError("label_smoothing = {} and positive_weight = {} belong to the sigmoid loss and do nothing with ipo: leave them at 0.",
                    label_smoothing, positive_weight);
  }
}

}  // namespace drover::train
