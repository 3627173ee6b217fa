#include "train/trainer.h"

#include <string>

#include "base/error.h"
#include "model/decoder.h"
#include "model/heads.h"
#include "train/objective.h"
#include "train/training_run.h"

namespace drover::train {
namespace {

using ModelPointer = std::shared_ptr<const model::Model>;

void require_language_head(const model::Model& model, const std::string& what) {
  if (model.config().head.kind != model::HeadKind::kLanguage) {
    throw base::UserError("{} needs a start model with a language head, this one has a {} head.", what, model::name_of(model.config().head.kind));
  }
}

/// What names the start model in checkpoints; without them the pass over its weights is saved.
std::string name_for_checkpoints(const model::Model& start, const TrainOptions& options) {
  return options.checkpoint_folder.empty() ? std::string() : start.hash();
}

ModelPointer train_tokens(const std::string& what, const ModelPointer& start, std::span<const model::TokenRow> rows,
                          const TrainOptions& options, const OnStep& on_step) {
  options.validate();
  require_language_head(*start, what);
  const auto objective = make_sft_objective(rows);
  return start->with_decoder(run_training(what, start->decoder(), name_for_checkpoints(*start, options), *objective, options, on_step));
}

}  // namespace

ModelPointer train_sft(const ModelPointer& start, std::span<const model::TokenRow> rows, const TrainOptions& options, const OnStep& on_step) {
  return train_tokens("sft", start, rows, options, on_step);
}

ModelPointer train_lm(const ModelPointer& start, std::span<const model::TokenRow> rows, const TrainOptions& options, const OnStep& on_step) {
  return train_tokens("lm", start, rows, options, on_step);
}

ModelPointer train_reward(const ModelPointer& start, std::span<const model::TokenRow> rows, const RewardOptions& options,
                          const OnStep& on_step) {
  options.validate();
  const auto kind = start->config().head.kind;
  if (kind != model::HeadKind::kReward && kind != model::HeadKind::kLanguage) {
    throw base::UserError("reward needs a start model with a language or a reward head, this one has a {} head.", model::name_of(kind));
  }
  auto decoder = start->shared_decoder();
  if (kind == model::HeadKind::kLanguage) {
    decoder = model::with_head(*decoder, {.kind = model::HeadKind::kReward, .num_labels = 1, .seed = options.head_seed});
  }
  const auto objective = make_reward_objective(rows, options);
  return start->with_decoder(run_training("reward", *decoder, name_for_checkpoints(*start, options.train), *objective, options.train, on_step));
}

ModelPointer train_dpo(const ModelPointer& start, std::span<const DpoRow> rows, const DpoOptions& options, const OnStep& on_step) {
  options.validate();
  require_language_head(*start, "dpo");
  const auto objective = make_dpo_objective(rows, options);
  return start->with_decoder(run_training("dpo", start->decoder(), name_for_checkpoints(*start, options.train), *objective, options.train, on_step));
}

}  // namespace drover::train
