#include "train/run_key.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace drover::train {
namespace {

void add_tree(const model::TokenRow& row, base::FieldHasher& key) {
  key.add(base::content_hash(std::as_bytes(std::span(row.tokens))));
  for (const auto& segment : row.segments) key.add(segment.parent).add(segment.begin).add(segment.end);
  for (const auto& entry : row.learned) {
    key.add(entry.position).add(text::to_int(entry.target)).add(fmt::format("{}", entry.weight)).add(entry.response);
  }
}

}  // namespace

std::string run_key(const std::string& start_hash, std::string_view learner, const Objective& objective, const TrainOptions& options) {
  base::FieldHasher key;
  key.add(start_hash).add(learner);
  objective.add_to_key(key);
  const auto& adamw = options.adamw;
  key.add(fmt::format("{} {} {} {} {}", options.learning_rate, name_of(options.schedule.shape), options.schedule.warmup_steps,
                      options.schedule.final_share, options.clip_norm));
  key.add(fmt::format("{} {} {} {}", adamw.beta1, adamw.beta2, adamw.epsilon, adamw.weight_decay));
  key.add(fmt::format("{} {} {} {} {} {}", options.steps, options.epochs, options.rows_per_step, options.tokens_per_step,
                      options.packed_tokens, options.seed));
  key.add(options.compute_type == model::ComputeType::kFloat32 ? "f32" : "bf16");
  if (const auto& lora = options.lora; lora.is_on()) {
    key.add(fmt::format("lora {} {} {}", lora.rank, lora.effective_alpha(), fmt::join(lora.targets, " ")));
  }
  for (std::int64_t index = 0; index < objective.num_trees(); ++index) add_tree(objective.tree(index), key);
  return key.finish().hex();
}

}  // namespace drover::train
