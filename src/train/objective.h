#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "base/content_hash.h"
#include "model/token_tree.h"
#include "train/labelled_rows.h"
#include "train/learner.h"
#include "train/trainer.h"

namespace drover::train {

/// What a run minimises. One step goes: `begin_step` with the step's trees, then `loss` for each packed row of them, then `metrics`.
class Objective {
 public:
  virtual ~Objective() = default;

  virtual std::int64_t num_trees() const = 0;
  virtual const model::TokenRow& tree(std::int64_t index) const = 0;

  /// Adds to a run's key what the numbers depend on beside trees and TrainOptions.
  virtual void add_to_key(base::FieldHasher& key) const = 0;

  /// How many tokens `prepare` is going to compute.
  virtual std::int64_t tokens_to_prepare() { return 0; }

  /// Once, before the first step, with the weights as they are at the start.
  virtual void prepare(const Learner& start) { static_cast<void>(start); }

  /// What `prepare` found, for checkpoints: float32 of one dimension, or undefined. A run that goes on gives it back in place of
  /// `prepare`, so that its numbers are the same to the last bit.
  virtual at::Tensor state() const { return {}; }
  virtual void restore(const at::Tensor& state) { static_cast<void>(state); }

  /// Counts what the whole step divides by, and begins its metrics anew.
  virtual void begin_step(std::span<const std::int64_t> trees) = 0;

  /// The part of the step's loss that this packed row holds, a float32 scalar. `outputs`: what Learner::forward gave for the row;
  /// when it requires gradients, so does the result. `trees`: which trees the row packs, in order.
  virtual at::Tensor loss(const at::Tensor& outputs, const model::TokenRow& packed, std::span<const std::int64_t> trees) = 0;

  /// What StepReport::metrics says about the step.
  virtual std::map<std::string, double> metrics() const = 0;
};

/// The rows and options must outlive the objective.
std::unique_ptr<Objective> make_sft_objective(std::span<const model::TokenRow> rows);
std::unique_ptr<Objective> make_reward_objective(std::span<const model::TokenRow> rows, const RewardOptions& options);
/// Outcome and stepwise reward models: binary cross entropy over all labels of a step. `name` is the kind of the run, `head_seed` what
/// its head is drawn from: both go into the run's key.
std::unique_ptr<Objective> make_binary_objective(std::string name, std::span<const LabelledRow> rows, std::uint64_t head_seed);
std::unique_ptr<Objective> make_class_objective(std::span<const LabelledRow> rows, std::span<const std::string> names, std::uint64_t head_seed);
/// `reference` names the start model in the cache of reference log-probabilities; not used without such a cache.
std::unique_ptr<Objective> make_dpo_objective(std::span<const DpoRow> rows, const DpoOptions& options, std::string reference = {});

}  // namespace drover::train
