#include "train/make_learner.h"

#include <optional>
#include <utility>

namespace drover::train {

std::unique_ptr<Learner> make_learner(const model::Decoder& start, const TrainOptions& options) {
  std::optional<model::Adapter> adapter;
  if (options.lora.is_on()) adapter = model::fresh_adapter(start, options.lora, options.seed);
  if (start.device().is_cpu()) {
    return make_packed_learner(start, {.compute_type = options.compute_type, .recompute_layers = options.recompute_layers}, options.adamw,
                               std::move(adapter));
  }
  return make_autograd_learner(start, options.compute_type, options.adamw, std::move(adapter));
}

}  // namespace drover::train
