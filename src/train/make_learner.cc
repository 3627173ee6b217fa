#include "train/make_learner.h"

namespace drover::train {

std::unique_ptr<Learner> make_learner(const model::Decoder& start, const TrainOptions& options) {
  if (start.device().is_cpu()) {
    return make_packed_learner(start, {.compute_type = options.compute_type, .recompute_layers = options.recompute_layers}, options.adamw);
  }
  return make_autograd_learner(start, options.compute_type, options.adamw);
}

}  // namespace drover::train
