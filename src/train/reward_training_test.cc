#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "model/scores.h"
#include "train/reward_layout.h"
#include "train/tiny_training_test.h"

namespace drover::train {
namespace {

using RewardTraining = TinyTraining;

TEST_F(RewardTraining, RewardModelRanksItsRowsAndKeepsItsHead) {
  StepReport last;
  RewardOptions options{.train = {.learning_rate = 1e-2, .schedule = {.shape = Schedule::Shape::kConstant}, .steps = 60, .rows_per_step = 5}};
  const auto first = first_of([&](const OnStep& on_step) { train_reward(start_, reward_rows_, {.train = one_step()}, on_step); });
  EXPECT_NEAR(first.loss, std::log(2.0), 0.05) << "a new head separates nothing yet";
  const auto trained = train_reward(start_, reward_rows_, options, [&last](const StepReport& report) { last = report; });
  EXPECT_EQ(trained->config().head.kind, model::HeadKind::kReward);
  EXPECT_EQ(last.metrics.at("accuracy"), 1.0);
  for (const auto& row : reward_rows_) {
    std::vector<std::int64_t> ends;
    for (const auto& entry : row.learned) ends.push_back(entry.position);
    const auto rewards = model::scores(*trained, row, ends);
    EXPECT_GT(rewards[0][0], rewards[1][0]);
    EXPECT_GT(rewards[1][0], rewards[2][0]);
  }
  EXPECT_THROW(train_sft(trained, sft_rows_, one_step()), base::UserError);
}

TEST_F(RewardTraining, RewardMetricsTellLevelsAndLengthsApart) {
  RewardOptions options{.train = one_step()};
  for (std::size_t i = 0; i < reward_rows_.size(); ++i) {
    chat::PreferenceRow preference;
    preference.levels = {chat::PreferenceLevel::kBetter, chat::PreferenceLevel::kSignificant};
    options.facts.push_back(reward_facts(reward_rows_[i], preference));
  }
  const auto report = first_of([&](const OnStep& on_step) { train_reward(start_, reward_rows_, options, on_step); });
  const auto plain = first_of([&](const OnStep& on_step) { train_reward(start_, reward_rows_, {.train = one_step()}, on_step); });
  EXPECT_EQ(report.loss, plain.loss) << "facts are for metrics alone";
  EXPECT_FALSE(plain.metrics.contains("accuracy_better"));
  // Of the three pairs of a row one is "better" (first and second); the other two reach over a "significantly better".
  EXPECT_NEAR(report.metrics.at("accuracy"),
              (report.metrics.at("accuracy_better") + 2 * report.metrics.at("accuracy_significantly_better")) / 3, 1e-9);
  EXPECT_TRUE(report.metrics.contains("accuracy_longer"));
  EXPECT_TRUE(report.metrics.contains("accuracy_shorter"));
}

TEST_F(RewardTraining, PairsBelowTheLowestLevelDoNotCount) {
  const auto judge = train_reward(start_, reward_rows_, {.train = {.learning_rate = 1e-2, .steps = 5, .rows_per_step = 5}});
  RewardOptions options{.train = one_step(), .lowest_level = chat::PreferenceLevel::kBetter};
  chat::PreferenceRow preference;
  preference.levels = {chat::PreferenceLevel::kBetter, chat::PreferenceLevel::kSlight};
  double expected = 0;
  for (const auto& row : reward_rows_) {
    options.facts.push_back(reward_facts(row, preference));
    std::vector<std::int64_t> ends;
    for (const auto& entry : row.learned) ends.push_back(entry.position);
    const auto rewards = model::scores(*judge, row, ends);
    // The first against the second and against the third; the second and the third are too close.
    for (const std::size_t worse : {1U, 2U}) expected += std::log1p(std::exp(rewards[worse][0] - rewards[0][0])) / 2 / 5;
  }
  const auto report = first_of([&](const OnStep& on_step) { train_reward(judge, reward_rows_, options, on_step); });
  EXPECT_NEAR(report.loss, expected, 1e-5);
  EXPECT_FALSE(report.metrics.contains("accuracy_slightly_better"));
  options.lowest_level = chat::PreferenceLevel::kSignificant;
  EXPECT_THROW(train_reward(judge, reward_rows_, options), base::UserError) << "rows without a pair";
}

TEST_F(RewardTraining, TreeRowsGiveTheLossAndTheGradientOfSeparateRows) {
  std::vector<model::TokenRow> separate, causal;
  for (const auto& row : reward_rows_) {
    separate.push_back(lay_out(row, RewardLayout::kSeparate, 0));
    causal.push_back(lay_out(row, RewardLayout::kCausal, 0));
  }
  const auto report = [&](const std::vector<model::TokenRow>& rows) {
    return first_of([&](const OnStep& on_step) { train_reward(start_, rows, {.train = one_step()}, on_step); });
  };
  const auto tree = report(reward_rows_), alone = report(separate), together = report(causal);
  EXPECT_NEAR(tree.loss, alone.loss, 1e-5);
  EXPECT_NEAR(tree.grad_norm, alone.grad_norm, 1e-4 * alone.grad_norm);
  EXPECT_GT(std::abs(together.loss - alone.loss), 1e-6) << "responses that see each other are an approximation";
}

}  // namespace
}  // namespace drover::train
