#include "train/adamw.h"

#include <gtest/gtest.h>
#include <torch/optim/adamw.h>

#include <cmath>

#include "base/random_stream.h"

namespace drover::train {
namespace {

at::Tensor random(at::IntArrayRef shape, std::uint64_t index) {
  base::RandomStream stream(1, "adamw test", index);
  auto tensor = at::empty(shape, at::kFloat);
  for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.view({-1})[i] = stream.normal();
  return tensor;
}

TEST(AdamW, TakesTheStepsOfTorchOptimAdamW) {
  auto own = random({7, 5}, 0);
  auto peer = own.clone().set_requires_grad(true);
  AdamW optimizer({own}, {.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-6, .weight_decay = 0.1});
  torch::optim::AdamW reference(
      {peer}, torch::optim::AdamWOptions(0.01).betas({0.8, 0.95}).eps(1e-6).weight_decay(0.1));
  for (std::uint64_t step = 1; step <= 20; ++step) {
    const auto gradient = random({7, 5}, step);
    const double rate = 0.01 / static_cast<double>(step);
    peer.mutable_grad() = gradient.clone();
    static_cast<torch::optim::AdamWOptions&>(reference.param_groups()[0].options()).lr(rate);
    reference.step();
    optimizer.step({gradient}, rate);
    EXPECT_LT((own - peer.detach()).abs().max().item<double>(), 1e-7) << "step " << step;
  }
  EXPECT_EQ(optimizer.num_steps(), 20);
}

TEST(AdamW, FirstStepMovesEveryWeightByTheLearningRate) {
  // Bias correction makes the first update g / |g|.
  auto weights = at::zeros({2, 2});
  AdamW optimizer({weights}, {});
  optimizer.step({at::tensor({3.0F, -0.001F, 200.0F, -7.0F}).view({2, 2})}, 0.5);
  const auto expected = at::tensor({-0.5F, 0.5F, -0.5F, 0.5F}).view({2, 2});
  EXPECT_TRUE(at::allclose(weights, expected, 1e-4));
}

TEST(AdamW, DecaysMatricesButNotNormsAndBiases) {
  auto matrix = at::ones({2, 2});
  auto norm = at::ones({2});
  AdamW optimizer({matrix, norm}, {.weight_decay = 0.1});
  optimizer.step({at::zeros({2, 2}), at::zeros({2})}, 0.5);
  EXPECT_TRUE(at::allclose(matrix, at::full({2, 2}, 0.95)));
  EXPECT_TRUE(at::equal(norm, at::ones({2})));
}

TEST(AdamW, AStepAlongScaledGradientsIsAStepAlongGradientsThatWereScaled) {
  auto scaled = random({4, 3}, 0);
  auto plain = scaled.clone();
  AdamW with_scale({scaled}, {});
  AdamW without({plain}, {});
  for (std::uint64_t step = 1; step <= 3; ++step) {
    const auto gradient = random({4, 3}, step);
    with_scale.step({gradient}, 0.01, 0.25);
    without.step({gradient * 0.25}, 0.01);
  }
  EXPECT_TRUE(at::equal(scaled, plain));
}

TEST(GradientClipping, BringsTheGlobalNormDownToTheLimit) {
  const double norm = global_norm({at::tensor({3.0F, 0.0F}), at::tensor({4.0F})});
  EXPECT_DOUBLE_EQ(norm, 5.0);
  EXPECT_DOUBLE_EQ(norm * clipping_scale(norm, 1.0), 1.0);
}

TEST(GradientClipping, LeavesSmallGradientsAndIsOffAtZero) {
  EXPECT_EQ(clipping_scale(5.0, 6.0), 1.0);
  EXPECT_EQ(clipping_scale(5.0, 0.0), 1.0);
}

}  // namespace
}  // namespace drover::train
