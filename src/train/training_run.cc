#include "train/training_run.h"

#include <ATen/core/grad_mode.h>

#include <chrono>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "train/adamw.h"
#include "train/checkpoint.h"
#include "train/make_learner.h"
#include "train/schedule.h"
#include "train/step_plan.h"

namespace drover::train {
namespace {

using base::UserError;

void check_rows(const Objective& objective, const model::DecoderConfig& config) {
  const auto vocab_size = config.vocab_size;
  const auto max_positions = config.max_positions;
  const bool learns_tokens = config.head.kind == model::HeadKind::kLanguage;
  if (objective.num_trees() == 0) throw UserError("There are no rows to train on.");
  for (std::int64_t index = 0; index < objective.num_trees(); ++index) {
    const auto& row = objective.tree(index);
    row.validate();
    const auto check_token = [&](text::TokenId token) {
      if (text::to_int(token) >= 0 && text::to_int(token) < vocab_size) return;
      throw UserError("Row {} holds token {}, but the model's vocabulary has {}. Was the row made for another tokenizer?", index + 1,
                      text::to_int(token), vocab_size);
    };
    for (const auto token : row.tokens) check_token(token);
    if (learns_tokens) {
      for (const auto& entry : row.learned) check_token(entry.target);
    }
    for (const auto position : row.positions) {
      if (position >= max_positions) {
        throw UserError("Row {} reaches position {}, but the model has {}. Lower max_tokens when rows are made.", index + 1, position,
                        max_positions);
      }
    }
  }
}

void add_tree(const model::TokenRow& row, base::FieldHasher& key) {
  key.add(base::content_hash(std::as_bytes(std::span(row.tokens))));
  for (const auto& segment : row.segments) key.add(segment.parent).add(segment.begin).add(segment.end);
  for (const auto& entry : row.learned) {
    key.add(entry.position).add(text::to_int(entry.target)).add(fmt::format("{}", entry.weight)).add(entry.response);
  }
}

/// Names everything that the numbers of a run depend on.
std::string key_of(const std::string& start_hash, const Objective& objective, const TrainOptions& options) {
  base::FieldHasher key;
  key.add(start_hash);
  objective.add_to_key(key);
  const auto& adamw = options.adamw;
  key.add(fmt::format("{} {} {} {} {}", options.learning_rate, name_of(options.schedule.shape), options.schedule.warmup_steps,
                      options.schedule.final_share, options.clip_norm));
  key.add(fmt::format("{} {} {} {}", adamw.beta1, adamw.beta2, adamw.epsilon, adamw.weight_decay));
  key.add(fmt::format("{} {} {} {} {} {}", options.steps, options.epochs, options.rows_per_step, options.tokens_per_step,
                      options.packed_tokens, options.seed));
  key.add(options.compute_type == model::ComputeType::kFloat32 ? "f32" : "bf16");
  for (std::int64_t index = 0; index < objective.num_trees(); ++index) add_tree(objective.tree(index), key);
  return key.finish().hex();
}

class TrainingRun {
 public:
  TrainingRun(const std::string& what, const model::Decoder& start, Objective& objective, const TrainOptions& options)
      : what_(what),
        objective_(objective),
        options_(options),
        learner_(make_learner(start, options)) {
    std::vector<std::int64_t> sizes;
    for (std::int64_t index = 0; index < objective.num_trees(); ++index) sizes.push_back(objective.tree(index).num_tokens());
    plan_ = plan_steps(sizes, options);
    objective_.prepare(*learner_);
  }

  std::shared_ptr<const model::Decoder> finish(const std::optional<Checkpoint>& checkpoint, const OnStep& on_step) {
    if (checkpoint) checkpoint->restore(*learner_);
    const auto total = static_cast<std::int64_t>(plan_.size());
    while (learner_->num_steps() < total) {
      const auto report = step(learner_->num_steps());
      const auto done = learner_->num_steps();
      if (checkpoint && (done % options_.checkpoint_every == 0 || done == total)) checkpoint->save(learner_->state());
      if (on_step) on_step(report);
    }
    return learner_->finished();
  }

 private:
  StepReport step(std::int64_t index) {
    const auto began = std::chrono::steady_clock::now();
    const auto& indices = plan_[static_cast<std::size_t>(index)];
    StepReport report{.step = index + 1, .total_steps = static_cast<std::int64_t>(plan_.size()),
                      .rows = static_cast<std::int64_t>(indices.size()), .metrics = {}};
    report.learning_rate = options_.learning_rate * share_at(options_.schedule, index, report.total_steps);
    report.loss = compute_gradients(indices, report.tokens);
    report.grad_norm = learner_->gradient_norm();
    if (!std::isfinite(report.loss) || !std::isfinite(report.grad_norm)) {
      throw UserError("{} step {}: the loss is {} and the gradient's norm {}. Lower the learning rate ({}) or look at the rows.", what_,
                      report.step, report.loss, report.grad_norm, report.learning_rate);
    }
    learner_->update(report.learning_rate, clipping_scale(report.grad_norm, options_.clip_norm));
    report.metrics = objective_.metrics();
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began;
    report.tokens_per_second = static_cast<double>(report.tokens) / passed.count();
    return report;
  }

  double compute_gradients(const std::vector<std::int64_t>& indices, std::int64_t& tokens) {
    std::vector<model::TokenRow> trees;
    for (const auto index : indices) {
      trees.push_back(objective_.tree(index));
      tokens += trees.back().num_tokens();
    }
    const auto packed = model::pack(trees, options_.packed_tokens);
    objective_.begin_step(indices);
    learner_->clear_gradients();
    double loss = 0.0;
    for (std::size_t r = 0; r < packed.rows.size(); ++r) {
      std::vector<std::int64_t> members;
      for (const auto place : packed.origin[r]) members.push_back(indices[static_cast<std::size_t>(place)]);
      const auto outputs = learner_->forward(packed.rows[r]).requires_grad_();
      const auto part = objective_.loss(outputs, packed.rows[r], members);
      part.backward();
      learner_->backward(outputs.grad());
      loss += part.item<double>();
    }
    return loss;
  }

  std::string what_;
  Objective& objective_;
  const TrainOptions& options_;
  std::unique_ptr<Learner> learner_;
  std::vector<std::vector<std::int64_t>> plan_;
};

}  // namespace

std::shared_ptr<const model::Decoder> run_training(const std::string& what, const model::Decoder& start, const std::string& start_hash,
                                                   Objective& objective, const TrainOptions& options, const OnStep& on_step) {
  check_rows(objective, start.config());
  std::optional<Checkpoint> checkpoint;
  if (!options.checkpoint_folder.empty()) checkpoint.emplace(options.checkpoint_folder, key_of(start_hash, objective, options));
  return TrainingRun(what, start, objective, options).finish(checkpoint, on_step);
}

}  // namespace drover::train
