#include <gtest/gtest.h>

#include <cmath>

#include "base/random_stream.h"
#include "model/decoder.h"
#include "model/heads.h"
#include "train/learner.h"
#include "train/objective.h"
#include "train/tiny_training_test.h"

namespace drover::train {
namespace {

using ObjectiveGradient = TinyTraining;

/// Compares the gradient that training uses with central differences of the objective along random directions, in float32.
void expect_gradient(const model::Decoder& start, Objective& objective) {
  const auto learner = make_autograd_learner(start, model::ComputeType::kFloat32, {});
  std::vector<std::int64_t> indices;
  std::vector<model::TokenRow> trees;
  for (std::int64_t i = 0; i < objective.num_trees(); ++i) {
    indices.push_back(i);
    trees.push_back(objective.tree(i));
  }
  const auto packed = model::pack(trees, 1 << 20);
  objective.prepare(*learner);
  objective.begin_step(indices);
  const auto outputs = learner->forward(packed.rows[0]).requires_grad_();
  objective.loss(outputs, packed.rows[0], packed.origin[0]).backward();
  learner->backward(outputs.grad());
  const auto gradients = learner->gradients();
  auto state = learner->state();
  for (auto& [name, master] : state.masters) master = master.clone();
  for (std::uint64_t direction = 0; direction < 3; ++direction) {
    base::RandomStream stream(direction, "gradient direction");
    double slope = 0.0;
    std::vector<at::Tensor> steps;
    for (const auto& [name, gradient] : gradients) {
      auto step = at::empty(gradient.sizes(), at::kFloat);
      auto* values = step.mutable_data_ptr<float>();
      for (std::int64_t i = 0; i < step.numel(); ++i) values[i] = static_cast<float>(stream.normal());
      slope += (step * gradient).sum().item<double>();
      steps.push_back(step);
    }
    constexpr double kStep = 1e-3;
    const auto loss_at = [&](double by) {
      auto moved = state;
      for (std::size_t i = 0; i < steps.size(); ++i) moved.masters[i].second = state.masters[i].second + by * steps[i];
      learner->restore(moved);
      return objective.loss(learner->outputs(packed.rows[0]), packed.rows[0], packed.origin[0]).item<double>();
    };
    EXPECT_NEAR(slope, (loss_at(kStep) - loss_at(-kStep)) / (2 * kStep), 0.02 * std::abs(slope) + 2e-3) << "direction " << direction;
  }
}

TEST_F(ObjectiveGradient, GradientsOfEveryObjectiveEqualFiniteDifferences) {
  const auto sft = make_sft_objective(sft_rows_);
  expect_gradient(start_->decoder(), *sft);
  const DpoOptions dpo_options;
  const auto dpo = make_dpo_objective(dpo_rows_, dpo_options);
  expect_gradient(start_->decoder(), *dpo);
  const RewardOptions reward_options;
  const auto reward = make_reward_objective(reward_rows_, reward_options);
  const auto with_reward = model::with_head(start_->decoder(), {.kind = model::HeadKind::kReward, .num_labels = 1, .seed = 2});
  expect_gradient(*with_reward, *reward);
  const auto rows = outcome_rows(reward_rows_);
  const auto outcome = make_binary_objective("outcome", rows, 0);
  expect_gradient(*with_reward, *outcome);
  const std::vector<std::string> names{"wrong", "right"};
  const auto classes = make_class_objective(rows, names, 0);
  expect_gradient(*model::with_head(start_->decoder(), {.kind = model::HeadKind::kClasses, .num_labels = 2, .seed = 2}), *classes);
}

}  // namespace
}  // namespace drover::train
