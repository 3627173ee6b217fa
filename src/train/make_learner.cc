#include "train/make_learner.h"

namespace drover::train {

std::unique_ptr<Learner> make_learner(const model::Decoder& start, const TrainOptions& options) {
  return make_autograd_learner(start, options.compute_type, options.adamw);
}

}  // namespace drover::train
