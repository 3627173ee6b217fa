#include "train/losses.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/error.h"

namespace drover::train {
namespace {

at::Tensor doubles(const std::vector<double>& values) { return at::tensor(values, at::kDouble); }

PairValues pairs(const std::vector<double>& chosen, const std::vector<double>& rejected) { return {doubles(chosen), doubles(rejected)}; }

double minus_log_sigmoid(double x) { return std::log1p(std::exp(-x)); }

/// Compares autograd's gradient of `loss` with central differences, in double.
void expect_gradient(const std::function<at::Tensor(const at::Tensor&)>& loss, const std::vector<double>& at_values) {
  auto input = doubles(at_values).set_requires_grad(true);
  loss(input).backward();
  const auto gradient = input.grad();
  constexpr double kStep = 1e-5;
  for (std::size_t i = 0; i < at_values.size(); ++i) {
    auto up = at_values, down = at_values;
    up[i] += kStep;
    down[i] -= kStep;
    const double expected = (loss(doubles(up)).item<double>() - loss(doubles(down)).item<double>()) / (2 * kStep);
    EXPECT_NEAR(gradient[static_cast<std::int64_t>(i)].item<double>(), expected, 1e-8) << "input " << i;
  }
}

TEST(SftLoss, IsTheWeightedMeanOverWhatTheWholeStepLearns) {
  const auto loss = sft_loss(doubles({-1, -2, -4}), doubles({1, 1, 0.5}), 10.0);
  EXPECT_NEAR(loss.item<double>(), (1 + 2 + 2) / 10.0, 1e-12);
}

TEST(SftLoss, RefusesAStepThatLearnsNothing) { EXPECT_THROW(sft_loss(doubles({-1}), doubles({0}), 0.0), base::InternalError); }

TEST(BinaryLoss, IsTheCrossEntropyOfProbabilities) {
  const double p = 1 / (1 + std::exp(-1.5));
  const auto loss = binary_loss(doubles({1.5, 1.5, 0.0}), doubles({1.0, 0.25, 0.5}), 4.0);
  EXPECT_NEAR(loss.item<double>(), (-std::log(p) - 0.25 * std::log(p) - 0.75 * std::log(1 - p) + std::log(2.0)) / 4.0, 1e-12);
  expect_gradient([](const at::Tensor& x) { return binary_loss(x, doubles({1.0, 0.25, 0.0}), 3.0); }, {0.3, -2.0, 1.0});
  EXPECT_NEAR(binary_loss(doubles({3000.0}), doubles({0.0}), 1.0).item<double>(), 3000.0, 1e-9) << "no overflow";
}

TEST(ClassLoss, IsMinusTheLogProbabilityOfTheLabel) {
  const auto labels = at::tensor({std::int64_t{2}, std::int64_t{0}}, at::kLong);
  const auto loss = class_loss(doubles({0, 0, 0, 1, 2, 3}).view({2, 3}), labels, 2.0);
  const double second = 1 - std::log(std::exp(1.0) + std::exp(2.0) + std::exp(3.0));
  EXPECT_NEAR(loss.item<double>(), (std::log(3.0) - second) / 2.0, 1e-12);
  expect_gradient([&](const at::Tensor& x) { return class_loss(x.view({2, 3}), labels, 2.0); }, {0.3, -2.0, 1.0, 0.5, 0.1, -0.4});
}

TEST(RewardLoss, OfAPairIsMinusLogSigmoidOfTheDifference) {
  const std::int64_t two[] = {2};
  EXPECT_NEAR(reward_loss(doubles({1.5, -0.5}), two, 1).item<double>(), minus_log_sigmoid(2.0), 1e-12);
  EXPECT_NEAR(reward_loss(doubles({0.25, 0.25}), two, 1).item<double>(), std::log(2.0), 1e-12);
}

TEST(RewardLoss, AveragesTheThreePairsOfARowBeforeItAveragesRows) {
  const std::int64_t rows[] = {3, 2};
  const double three = (minus_log_sigmoid(1) + minus_log_sigmoid(3) + minus_log_sigmoid(2)) / 3;
  const double two = minus_log_sigmoid(-1);
  EXPECT_NEAR(reward_loss(doubles({3, 2, 0, 5, 6}), rows, 2).item<double>(), (three + two) / 2, 1e-12);
}

TEST(RewardLoss, PartsOfAStepAddUpToTheWholeStep) {
  const std::int64_t both[] = {3, 2}, first[] = {3}, second[] = {2};
  const double whole = reward_loss(doubles({3, 2, 0, 5, 6}), both, 2).item<double>();
  const double parts = reward_loss(doubles({3, 2, 0}), first, 2).item<double>() + reward_loss(doubles({5, 6}), second, 2).item<double>();
  EXPECT_NEAR(parts, whole, 1e-12);
}

TEST(RewardLoss, CentringAddsTheSquaredSumOfAPair) {
  const std::int64_t two[] = {2};
  EXPECT_NEAR(reward_loss(doubles({1.5, -0.5}), two, 1, 0.01).item<double>(), minus_log_sigmoid(2.0) + 0.01 * 1.0, 1e-12);
}

TEST(RewardLoss, GradientEqualsFiniteDifferences) {
  const std::int64_t rows[] = {3, 2};
  expect_gradient([&](const at::Tensor& r) { return reward_loss(r, rows, 2, 0.05); }, {0.3, -0.2, 0.1, 0.4, 0.9});
}

TEST(RewardLoss, StaysFiniteForHugeDifferences) {
  const std::int64_t two[] = {2};
  EXPECT_NEAR(reward_loss(doubles({-2000, 2000}), two, 1).item<double>(), 4000, 1e-9);
  EXPECT_EQ(reward_loss(doubles({2000, -2000}), two, 1).item<double>(), 0.0);
}

TEST(DpoLoss, IsLogTwoWhenPolicyEqualsReference) {
  const auto same = pairs({-3, -5}, {-4, -2});
  const auto losses = dpo_losses(same, same, pairs({1, 1}, {1, 1}), {});
  EXPECT_NEAR(losses[0].item<double>(), std::log(2.0), 1e-15);
  EXPECT_NEAR(losses[1].item<double>(), std::log(2.0), 1e-15);
}

TEST(DpoLoss, IsMinusLogSigmoidOfBetaTimesTheDifferenceOfLogRatios) {
  const auto losses = dpo_losses(pairs({-3}, {-9}), pairs({-4}, {-7}), pairs({1}, {1}), {.beta = 0.1});
  EXPECT_NEAR(losses.item<double>(), minus_log_sigmoid(0.1 * (1.0 + 2.0)), 1e-12);
}

TEST(DpoLoss, LabelSmoothingMixesBothDirections) {
  const double margin = 0.1 * 3.0;
  const auto losses = dpo_losses(pairs({-3}, {-9}), pairs({-4}, {-7}), pairs({1}, {1}), {.beta = 0.1, .label_smoothing = 0.2});
  EXPECT_NEAR(losses.item<double>(), 0.8 * minus_log_sigmoid(margin) + 0.2 * minus_log_sigmoid(-margin), 1e-12);
}

TEST(DpoLoss, DpopPunishesOnlyAFallingChosenLogProbability) {
  const DpoOptions options{.beta = 0.3, .positive_weight = 50};
  // Chosen rose: nothing is added. Chosen fell by 1: 0.3 x 50 x 1 is taken off inside the sigmoid.
  const auto rose = dpo_losses(pairs({-3}, {-9}), pairs({-4}, {-7}), pairs({1}, {1}), options);
  EXPECT_NEAR(rose.item<double>(), minus_log_sigmoid(0.3 * 3.0), 1e-12);
  const auto fell = dpo_losses(pairs({-5}, {-9}), pairs({-4}, {-7}), pairs({1}, {1}), options);
  EXPECT_NEAR(fell.item<double>(), minus_log_sigmoid(0.3 * 1.0 - 15.0), 1e-12);
}

TEST(DpoLoss, LengthNormalisationDividesEachLogRatioByItsTokens) {
  const auto losses = dpo_losses(pairs({-3}, {-9}), pairs({-4}, {-7}), pairs({2}, {4}), {.beta = 0.1, .length_normalised = true});
  EXPECT_NEAR(losses.item<double>(), minus_log_sigmoid(0.1 * (1.0 / 2 + 2.0 / 4)), 1e-12);
}

TEST(DpoLoss, IpoIsTheSquaredDistanceOfTheLogRatiosFromHalfOfOneOverBeta) {
  const auto losses = dpo_losses(pairs({-3}, {-9}), pairs({-4}, {-7}), pairs({1}, {1}), {.beta = 0.2, .loss = DpoLoss::kIpo});
  EXPECT_NEAR(losses.item<double>(), (3.0 - 2.5) * (3.0 - 2.5), 1e-12);
  const auto start = dpo_losses(pairs({-3}, {-9}), pairs({-3}, {-9}), pairs({1}, {1}), {.beta = 0.1, .loss = DpoLoss::kIpo});
  EXPECT_NEAR(start.item<double>(), 25.0, 1e-12) << "1 / (2 beta), squared";
}

TEST(DpoLoss, GradientEqualsFiniteDifferencesAndReachesThePolicyOnly) {
  const DpoOptions options{.beta = 0.7, .label_smoothing = 0.1, .positive_weight = 0.5};
  const auto policy = [](const at::Tensor& x) { return PairValues{x.slice(0, 0, 2), x.slice(0, 2, 4)}; };
  const auto lengths = pairs({1, 1}, {1, 1});
  expect_gradient(
      [&](const at::Tensor& x) { return dpo_losses(policy(x), pairs({-3.5, -2.5}, {-3, -3}), lengths, options).sum(); },
      {-3, -4, -2, -5});
  auto reference = doubles({-3, -4, -2, -5}).set_requires_grad(true);
  auto own = doubles({-3, -4, -2, -4}).set_requires_grad(true);
  dpo_losses(policy(own), policy(reference), lengths, options).sum().backward();
  EXPECT_FALSE(reference.grad().defined());
  EXPECT_TRUE(own.grad().defined());
}

}  // namespace
}  // namespace drover::train
