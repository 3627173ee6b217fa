#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "model/scores.h"
#include "train/tiny_training_test.h"

namespace drover::train {
namespace {

using LabelledTraining = TinyTraining;

TEST_F(LabelledTraining, AnOutcomeModelTellsRightRepliesFromWrongOnes) {
  const auto rows = outcome_rows(reward_rows_);
  const auto first = first_of([&](const OnStep& on_step) { train_outcome(start_, rows, {.train = one_step()}, on_step); });
  EXPECT_NEAR(first.loss, std::log(2.0), 0.1) << "a new head says one half of everything";
  EXPECT_EQ(first.metrics.at("labels"), 15.0);
  StepReport last;
  const HeadOptions options{.train = {.learning_rate = 1e-2, .schedule = {.shape = Schedule::Shape::kConstant}, .steps = 60, .rows_per_step = 5}};
  const auto trained = train_outcome(start_, rows, options, [&last](const StepReport& report) { last = report; });
  EXPECT_EQ(last.metrics.at("accuracy"), 1.0);
  EXPECT_EQ(last.metrics.at("accuracy_right"), 1.0);
  EXPECT_EQ(last.metrics.at("accuracy_wrong"), 1.0);
  ASSERT_EQ(trained->config().head.kind, model::HeadKind::kReward) << "it ranks replies as reward models do";
  std::vector<std::int64_t> ends;
  for (const auto& entry : rows[0].row.learned) ends.push_back(entry.position);
  const auto logits = model::scores(*trained, rows[0].row, ends);
  EXPECT_GT(logits[0][0], 0.0F);
  EXPECT_LT(logits[2][0], 0.0F);
}

TEST_F(LabelledTraining, AStepwiseModelLearnsALabelForEachStep) {
  const auto format = chat::make_chat_format("chatml", start_->shared_tokenizer());
  std::vector<LabelledRow> rows;
  for (const char* text : {"add\nhalve\nguess", "add\nguess", "guess"}) {
    chat::Dialog dialog;
    dialog.messages.push_back({.sender = chat::Sender::kUser, .content = "how?"});
    dialog.messages.push_back({.sender = chat::Sender::kAssistant, .content = text});
    std::vector<std::optional<float>> labels;
    for (const char* c = text; *c != 0; ++c) {
      if (*c == '\n') labels.push_back(1.0F);
    }
    labels.push_back(0.0F);
    rows.push_back(steps_row(*format, dialog, labels));
  }
  StepReport last;
  const HeadOptions options{.train = {.learning_rate = 1e-2, .schedule = {.shape = Schedule::Shape::kConstant}, .steps = 60, .rows_per_step = 3}};
  const auto trained = train_steps(start_, rows, options, [&last](const StepReport& report) { last = report; });
  EXPECT_EQ(trained->config().head.kind, model::HeadKind::kSteps);
  EXPECT_EQ(last.metrics.at("labels"), 6.0);
  EXPECT_EQ(last.metrics.at("accuracy"), 1.0);
}

TEST_F(LabelledTraining, AHeadSeedIsRefusedWhereTheStartModelHasAHead) {
  const auto rows = outcome_rows(reward_rows_);
  const auto trained = train_outcome(start_, rows, {.train = one_step(), .head_seed = 5});
  EXPECT_EQ(trained->config().head.seed, 5U);
  EXPECT_EQ(train_outcome(trained, rows, {.train = one_step()})->config().head.seed, 5U) << "its training goes on";
  try {
    train_reward(trained, reward_rows_, {.train = one_step(), .head_seed = 6});
    FAIL() << "the seed would do nothing";
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("The head seed 6 would do nothing: the start model has a reward head"));
  }
}

TEST_F(LabelledTraining, AnotherHeadIsAnotherRun) {
  const auto rows = outcome_rows(reward_rows_);
  HeadOptions options{.train = one_step(), .head_seed = 0};
  options.train.checkpoint_folder = folder_;
  train_outcome(start_, rows, options);
  options.head_seed = 1;
  EXPECT_THROW(train_outcome(start_, rows, options), base::UserError) << "the checkpoint holds a head that another seed gave";
}

TEST_F(LabelledTraining, AClassifierLearnsItsLabelsAndKeepsTheirNames) {
  std::vector<LabelledRow> rows;
  for (std::size_t i = 0; i < sft_rows_.size(); ++i) {
    auto row = sft_rows_[i];
    row.learned.assign(1, {.position = row.num_tokens() - 1, .target = row.tokens.back(), .weight = 1.0F, .response = 0});
    rows.push_back({row, {static_cast<float>(i % 3)}});
  }
  const std::vector<std::string> names{"code", "math", "talk"};
  const auto first = first_of([&](const OnStep& on_step) { train_classify(start_, rows, names, {.train = one_step()}, on_step); });
  EXPECT_NEAR(first.loss, std::log(3.0), 0.15);
  StepReport last;
  const HeadOptions options{.train = {.learning_rate = 1e-2, .schedule = {.shape = Schedule::Shape::kConstant}, .steps = 60, .rows_per_step = 5}};
  const auto trained = train_classify(start_, rows, names, options, [&last](const StepReport& report) { last = report; });
  EXPECT_EQ(last.metrics.at("accuracy"), 1.0);
  EXPECT_EQ(last.metrics.at("accuracy_math"), 1.0);
  EXPECT_EQ(trained->config().head.labels, names);
  EXPECT_THROW(train_classify(trained, rows, {"a", "b", "c"}, options), base::UserError) << "other names mean other classes";
}

}  // namespace
}  // namespace drover::train
