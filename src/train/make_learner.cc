#include "train/make_learner.h"

#include <optional>
#include <utility>

namespace drover::train {
namespace {

bool is_packed(const model::Decoder& start) { return start.device().is_cpu(); }

}  // namespace

std::unique_ptr<Learner> make_learner(const model::Decoder& start, const TrainOptions& options) {
  std::optional<model::Adapter> adapter;
  if (options.lora.is_on()) adapter = model::fresh_adapter(start, options.lora, options.seed);
  if (is_packed(start)) {
    return make_packed_learner(start, {.compute_type = options.compute_type, .recompute_layers = options.recompute_layers}, options.adamw,
                               std::move(adapter));
  }
  return make_autograd_learner(start, options.compute_type, options.adamw, std::move(adapter));
}

std::string_view learner_kind(const model::Decoder& start) { return is_packed(start) ? "packed" : "autograd"; }

}  // namespace drover::train
