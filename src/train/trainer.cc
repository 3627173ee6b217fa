#include "train/trainer.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "model/decoder.h"
#include "model/heads.h"
#include "model/packed/training_kernels.h"
#include "train/make_learner.h"
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

/// What names the reference's log-probabilities: its weights and all that decides how they compute.
std::string name_of_reference(const model::Model& start, model::ComputeType type) {
  const bool is_wide = type == model::ComputeType::kFloat32;
  const auto learner = learner_kind(start.decoder());
  const std::string_view kernels = is_wide ? model::training_kernels<float>().name : model::training_kernels<model::BFloat16>().name;
  auto name = fmt::format("{}-{}-{}", start.hash(), is_wide ? "f32" : "bf16", learner == "packed" ? kernels : learner);
  std::ranges::replace(name, ' ', '_');
  return name;
}

/// Trains what is left of `start` beside its weights with `decoder`, which nobody else holds on to.
ModelPointer run(const std::string& what, ModelPointer start, std::shared_ptr<const model::Decoder> decoder, Objective& objective,
                 const TrainOptions& options, const OnStep& on_step) {
  const auto name = name_for_checkpoints(*start, options);
  const auto tokenizer = start->shared_tokenizer();
  const auto chat_template = start->chat_template();
  const auto tokenizer_source = start->tokenizer_source();
  start.reset();
  auto trained = run_training(what, std::move(decoder), name, objective, options, on_step);
  if (trained == nullptr) return nullptr;  // the adapter was taken
  return std::make_shared<const model::Model>(std::move(trained), tokenizer, chat_template, tokenizer_source);
}

/// The start model's decoder with the head that is trained: its own, when it is of this kind and size, or a new one. `seed`: as it was given.
std::shared_ptr<const model::Decoder> with_fitting_head(const model::Model& start, const std::string& what, const model::Head& wanted,
                                                        std::optional<std::uint64_t> seed) {
  const auto& head = start.config().head;
  if (head.kind == model::HeadKind::kLanguage) return model::with_head(start.decoder(), wanted);
  if (head.kind != wanted.kind) {
    throw base::UserError("{} needs a start model with a language or a {} head, this one has a {} head.", what, model::name_of(wanted.kind),
                          model::name_of(head.kind));
  }
  if (head.num_labels != wanted.num_labels || head.labels != wanted.labels) {
    throw base::UserError("The start model's head has other classes than the data: {} against {}.", fmt::join(head.labels, ", "),
                          fmt::join(wanted.labels, ", "));
  }
  if (seed) {
    throw base::UserError("The head seed {} would do nothing: the start model has a {} head already, and its training goes on. Leave the seed out.", *seed,
                          model::name_of(head.kind));
  }
  return start.shared_decoder();
}

ModelPointer train_head(const std::string& what, ModelPointer start, model::Head head, std::optional<std::uint64_t> seed, Objective& objective,
                        const TrainOptions& options, const OnStep& on_step) {
  options.validate();
  head.seed = seed.value_or(0);
  auto decoder = with_fitting_head(*start, what, head, seed);
  return run(what, std::move(start), std::move(decoder), objective, options, on_step);
}

ModelPointer train_tokens(const std::string& what, ModelPointer start, std::span<const model::TokenRow> rows,
                          const TrainOptions& options, const OnStep& on_step) {
  options.validate();
  require_language_head(*start, what);
  const auto objective = make_sft_objective(rows);
  auto decoder = start->shared_decoder();
  return run(what, std::move(start), std::move(decoder), *objective, options, on_step);
}

}  // namespace

ModelPointer train_sft(ModelPointer start, std::span<const model::TokenRow> rows, const TrainOptions& options, const OnStep& on_step) {
  return train_tokens("sft", std::move(start), rows, options, on_step);
}

ModelPointer train_lm(ModelPointer start, std::span<const model::TokenRow> rows, const TrainOptions& options, const OnStep& on_step) {
  return train_tokens("lm", std::move(start), rows, options, on_step);
}

ModelPointer train_reward(ModelPointer start, std::span<const model::TokenRow> rows, const RewardOptions& options,
                          const OnStep& on_step) {
  options.validate();
  const auto objective = make_reward_objective(rows, options);
  return train_head("reward", std::move(start), {.kind = model::HeadKind::kReward, .num_labels = 1}, options.head_seed, *objective,
                    options.train, on_step);
}

ModelPointer train_outcome(ModelPointer start, std::span<const LabelledRow> rows, const HeadOptions& options, const OnStep& on_step) {
  const auto objective = make_binary_objective("outcome", rows, options.head_seed.value_or(0));
  return train_head("outcome", std::move(start), {.kind = model::HeadKind::kReward, .num_labels = 1}, options.head_seed, *objective,
                    options.train, on_step);
}

ModelPointer train_steps(ModelPointer start, std::span<const LabelledRow> rows, const HeadOptions& options, const OnStep& on_step) {
  const auto objective = make_binary_objective("steps", rows, options.head_seed.value_or(0));
  return train_head("steps", std::move(start), {.kind = model::HeadKind::kSteps, .num_labels = 1}, options.head_seed, *objective,
                    options.train, on_step);
}

ModelPointer train_classify(ModelPointer start, std::span<const LabelledRow> rows, const std::vector<std::string>& names,
                            const HeadOptions& options, const OnStep& on_step) {
  const auto objective = make_class_objective(rows, names, options.head_seed.value_or(0));
  const model::Head head{.kind = model::HeadKind::kClasses, .num_labels = std::ssize(names), .labels = names};
  return train_head("classify", std::move(start), head, options.head_seed, *objective, options.train, on_step);
}

ModelPointer train_dpo(ModelPointer start, std::span<const DpoRow> rows, const DpoOptions& options, const OnStep& on_step) {
  options.validate();
  require_language_head(*start, "dpo");
  std::string reference;
  if (!options.reference_cache.empty()) reference = name_of_reference(*start, options.train.compute_type);
  const auto objective = make_dpo_objective(rows, options, reference);
  auto decoder = start->shared_decoder();
  return run("dpo", std::move(start), std::move(decoder), *objective, options.train, on_step);
}

}  // namespace drover::train
