#include "train/trainer.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/random_stream.h"
#include "chat/byte_tokenizer_test.h"
#include "model/decoder.h"
#include "model/heads.h"
#include "model/log_probs.h"
#include "model/random_decoder.h"
#include "model/scores.h"
#include "train/learner.h"
#include "train/objective.h"
#include "train/reward_layout.h"

namespace drover::train {
namespace {

using ModelPointer = std::shared_ptr<const model::Model>;
using testing::HasSubstr;

ModelPointer tiny_model(model::ComputeType type = model::ComputeType::kFloat32) {
  const auto tokenizer = chat::smollm2_bytes();
  return std::make_shared<const model::Model>(model::random_decoder(model::tiny_config(tokenizer->vocab_size(), 16), 7, type), tokenizer,
                                              std::nullopt, "");
}

class Trainer : public testing::Test {
 protected:
  Trainer() {
    const auto format = chat::make_chat_format("chatml", start_->shared_tokenizer());
    const char* answers[][3] = {{"red", "yes it is red, I think", "no"}, {"blue!", "b", "green or so"}, {"4", "four", "five"},
                                {"sure", "sure thing", "never ever"},    {"ok", "fine", "bad"}};
    for (const auto& three : answers) {
      chat::PreferenceRow preference;
      preference.prompt.messages.push_back({.sender = chat::Sender::kUser, .content = std::string("say ") + three[2]});
      for (const char* answer : three) {
        preference.responses.push_back({{.sender = chat::Sender::kAssistant, .content = answer}});
      }
      preference.levels.assign(2, chat::PreferenceLevel::kBetter);
      sft_rows_.push_back(sft_row(*format, preference.with_response(0)));
      reward_rows_.push_back(reward_row(*format, preference));
      dpo_rows_.push_back(dpo_row(*format, preference));
    }
    folder_ = std::filesystem::path(testing::TempDir()) /
              (std::string("drover_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
  }
  ~Trainer() override { std::filesystem::remove_all(folder_); }

  /// The start model after it learned both sides of the pairs, as one is that sampled them.
  ModelPointer tuned_on(const std::vector<DpoRow>& rows) const {
    std::vector<model::TokenRow> both;
    for (const auto& row : rows) both.push_back(row.row);
    return train_sft(start_, both, {.learning_rate = 3e-3, .schedule = {.shape = Schedule::Shape::kConstant}, .steps = 60, .rows_per_step = 4});
  }

  ModelPointer start_ = tiny_model();
  std::vector<model::TokenRow> sft_rows_;
  std::vector<model::TokenRow> reward_rows_;
  std::vector<DpoRow> dpo_rows_;
  std::filesystem::path folder_;
};

/// One small step that looks at all rows.
TrainOptions one_step() { return {.learning_rate = 1e-3, .steps = 1, .rows_per_step = 5}; }

StepReport first_of(const std::function<void(const OnStep&)>& train) {
  std::optional<StepReport> first;
  train([&first](const StepReport& report) {
    if (!first) first = report;
  });
  return first.value();
}

TEST_F(Trainer, SftLossIsTheMeanOverAllLearnedTokensOfTheStep) {
  double sum = 0.0, count = 0.0;
  for (const auto& row : sft_rows_) {
    for (const auto log_prob : model::log_probs(*start_, row)) sum -= log_prob;
    count += static_cast<double>(row.learned.size());
  }
  for (const std::int64_t packed_tokens : {1, 60, 4096}) {
    auto options = one_step();
    options.packed_tokens = packed_tokens;
    const auto report = first_of([&](const OnStep& on_step) { train_sft(start_, sft_rows_, options, on_step); });
    EXPECT_NEAR(report.loss, sum / count, 1e-5) << "rows packed to " << packed_tokens << " tokens";
    EXPECT_EQ(report.metrics.at("learned_tokens"), count);
    EXPECT_EQ(report.total_steps, 1);
  }
}

TEST_F(Trainer, GradientsDoNotDependOnPacking) {
  std::vector<double> norms;
  for (const std::int64_t packed_tokens : {1, 4096}) {
    auto options = one_step();
    options.packed_tokens = packed_tokens;
    norms.push_back(first_of([&](const OnStep& on_step) { train_dpo(start_, dpo_rows_, {.train = options}, on_step); }).grad_norm);
  }
  EXPECT_NEAR(norms[0], norms[1], 1e-5 * norms[0]);
}

TEST_F(Trainer, DpoStartsAtLogTwo) {
  const auto report = first_of([&](const OnStep& on_step) {
    train_dpo(start_, dpo_rows_, {.train = one_step(), .nll_weight = 0.0}, on_step);
  });
  EXPECT_NEAR(report.loss, std::log(2.0), 1e-6);
  EXPECT_NEAR(report.metrics.at("margin"), 0.0, 1e-5);
}

TEST_F(Trainer, DpoAddsTheLikelihoodOfChosenResponsesByTokenOrBySequence) {
  double by_sequence = 0.0, sum = 0.0, count = 0.0;
  for (const auto& made : dpo_rows_) {
    const auto log_probs = model::log_probs(*start_, made.row);
    double own = 0.0, tokens = 0.0;
    for (std::size_t i = 0; i < log_probs.size(); ++i) {
      own -= log_probs[i] * made.likelihood[i];
      tokens += made.likelihood[i];
    }
    by_sequence += own / tokens / static_cast<double>(dpo_rows_.size());
    sum += own;
    count += tokens;
  }
  const auto loss = [&](NllAverage average) {
    DpoOptions options{.train = one_step(), .nll_weight = 0.2, .nll_average = average};
    return first_of([&](const OnStep& on_step) { train_dpo(start_, dpo_rows_, options, on_step); }).loss;
  };
  EXPECT_NEAR(loss(NllAverage::kPerSequence), std::log(2.0) + 0.2 * by_sequence, 1e-5);
  EXPECT_NEAR(loss(NllAverage::kPerToken), std::log(2.0) + 0.2 * sum / count, 1e-5);
}

TEST_F(Trainer, DpoRaisesTheMarginAndTheAccuracy) {
  StepReport last;
  DpoOptions options{.train = {.learning_rate = 3e-3, .schedule = {.shape = Schedule::Shape::kConstant}, .steps = 30, .rows_per_step = 5}};
  train_dpo(start_, dpo_rows_, options, [&last](const StepReport& report) { last = report; });
  EXPECT_GT(last.metrics.at("margin"), 0.5);
  EXPECT_EQ(last.metrics.at("accuracy"), 1.0);
}

TEST_F(Trainer, SftLearnsItsRowsAndLeavesTheStartModelAlone) {
  const auto hash = start_->hash();
  StepReport last;
  const auto trained = train_sft(start_, sft_rows_,
                                 {.learning_rate = 1e-2, .schedule = {.shape = Schedule::Shape::kConstant}, .steps = 80, .rows_per_step = 5},
                                 [&last](const StepReport& report) { last = report; });
  EXPECT_LT(last.loss, 1.0);
  EXPECT_NE(trained->hash(), hash);
  EXPECT_EQ(tiny_model()->hash(), hash);
  float lowest = 0.0F;
  for (const auto log_prob : model::log_probs(*start_, sft_rows_[0])) lowest = std::min(lowest, log_prob);
  EXPECT_LT(lowest, -4.0F) << "the start model is as it was";
}

TEST_F(Trainer, RewardModelRanksItsRowsAndKeepsItsHead) {
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

/// Five prompts with a right and a wrong reply each.
std::vector<LabelledRow> outcome_rows(const std::vector<model::TokenRow>& reward_rows) {
  std::vector<LabelledRow> rows;
  for (const auto& row : reward_rows) rows.push_back({row, {1.0F, 1.0F, 0.0F}});
  return rows;
}

TEST_F(Trainer, AnOutcomeModelTellsRightRepliesFromWrongOnes) {
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

TEST_F(Trainer, AStepwiseModelLearnsALabelForEachStep) {
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

TEST_F(Trainer, AClassifierLearnsItsLabelsAndKeepsTheirNames) {
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

TEST_F(Trainer, LanguageModellingLearnsADocument) {
  const auto rows = document_rows(start_->tokenizer().encode("abababababababababab"));
  StepReport last;
  train_lm(start_, rows, {.learning_rate = 1e-2, .schedule = {.shape = Schedule::Shape::kConstant}, .steps = 60, .rows_per_step = 1},
           [&last](const StepReport& report) { last = report; });
  EXPECT_LT(last.loss, 0.5);
}

TEST_F(Trainer, BFloat16StaysNearFloat32AndKeepsFloat32Masters) {
  auto options = one_step();
  const auto exact = first_of([&](const OnStep& on_step) { train_sft(start_, sft_rows_, options, on_step); });
  options.compute_type = model::ComputeType::kBFloat16;
  ModelPointer trained;
  const auto rounded = first_of([&](const OnStep& on_step) { trained = train_sft(start_, sft_rows_, options, on_step); });
  EXPECT_NEAR(rounded.loss, exact.loss, 1e-2 * exact.loss);
  EXPECT_NEAR(rounded.grad_norm, exact.grad_norm, 3e-2 * exact.grad_norm);
  EXPECT_EQ(trained->compute_type(), model::ComputeType::kBFloat16);
  // Steps far below bfloat16's resolution add up in the masters.
  options.learning_rate = 1e-5;
  options.schedule.shape = Schedule::Shape::kConstant;
  options.steps = 60;
  std::vector<double> losses;
  train_sft(start_, sft_rows_, options, [&losses](const StepReport& report) { losses.push_back(report.loss); });
  EXPECT_LT(losses.back(), losses.front() - 1e-3);
}

/// What stops a run in a test, as a kill would.
struct Stopped {};

TEST_F(Trainer, AResumedRunRepeatsTheUninterruptedOneBitForBit) {
  DpoOptions options{.train = {.learning_rate = 1e-3, .schedule = {.warmup_steps = 2}, .steps = 9, .rows_per_step = 2, .seed = 3}};
  std::vector<StepReport> whole;
  const auto expected = train_dpo(start_, dpo_rows_, options, [&whole](const StepReport& report) { whole.push_back(report); });

  options.train.checkpoint_folder = folder_;
  options.train.checkpoint_every = 2;
  std::vector<StepReport> parts;
  EXPECT_THROW(train_dpo(start_, dpo_rows_, options,
                         [](const StepReport& report) {
                           if (report.step == 5) throw Stopped();
                         }),
               Stopped);
  const auto resumed = train_dpo(start_, dpo_rows_, options, [&parts](const StepReport& report) { parts.push_back(report); });
  ASSERT_EQ(parts.size(), 5U) << "the checkpoint after step 4 is the newest";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    EXPECT_EQ(parts[i].step, whole[i + 4].step);
    EXPECT_EQ(parts[i].loss, whole[i + 4].loss);
    EXPECT_EQ(parts[i].grad_norm, whole[i + 4].grad_norm);
    EXPECT_EQ(parts[i].metrics, whole[i + 4].metrics);
  }
  EXPECT_EQ(resumed->hash(), expected->hash());
  // A finished run gives its result again without a step.
  parts.clear();
  EXPECT_EQ(train_dpo(start_, dpo_rows_, options, [&parts](const StepReport& report) { parts.push_back(report); })->hash(), expected->hash());
  EXPECT_TRUE(parts.empty());
}

TEST_F(Trainer, ACheckpointOfAnotherRunIsRefused) {
  auto options = one_step();
  options.checkpoint_folder = folder_;
  train_sft(start_, sft_rows_, options);
  options.learning_rate = 2e-3;
  try {
    train_sft(start_, sft_rows_, options);
    FAIL() << "another learning rate was taken for the same run";
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("belongs to a run with other rows, options or start model"));
  }
}

TEST_F(Trainer, OldCheckpointsGoWhenNewOnesAreWhole) {
  auto options = one_step();
  options.steps = 6;
  options.checkpoint_folder = folder_;
  options.checkpoint_every = 1;
  options.keep_checkpoints = 2;
  train_sft(start_, sft_rows_, options);
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) names.insert(entry.path().filename().string());
  EXPECT_THAT(names, testing::ElementsAre("lock", "step_00000005.safetensors", "step_00000006.safetensors"));
}

TEST_F(Trainer, ADamagedCheckpointIsPassedOverForAnOlderOne) {
  auto options = one_step();
  options.steps = 4;
  options.checkpoint_folder = folder_;
  options.checkpoint_every = 1;
  options.keep_checkpoints = 2;
  const auto expected = train_sft(start_, sft_rows_, options);
  const auto newest = folder_ / "step_00000004.safetensors";
  auto bytes = base::read_file(newest);
  bytes[bytes.size() - 100] ^= 1;
  base::write_file_atomically(newest, bytes);
  std::vector<std::int64_t> steps;
  const auto again = train_sft(start_, sft_rows_, options, [&steps](const StepReport& report) { steps.push_back(report.step); });
  EXPECT_THAT(steps, testing::ElementsAre(4)) << "from the state after step 3";
  EXPECT_EQ(again->hash(), expected->hash());
}

TEST_F(Trainer, TwoRunsOnOneFolderAreRefused) {
  auto options = one_step();
  options.checkpoint_folder = folder_;
  bool refused = false;
  train_sft(start_, sft_rows_, options, [&](const StepReport&) {
    try {
      train_sft(start_, sft_rows_, options);
    } catch (const base::UserError& error) {
      refused = true;
      EXPECT_THAT(error.what(), HasSubstr("Another run is using"));
    }
  });
  EXPECT_TRUE(refused);
}

TEST_F(Trainer, WhatAKilledRunLeftHalfWrittenIsRemoved) {
  std::filesystem::create_directories(folder_);
  base::write_file_atomically(folder_ / "step_00000003.safetensors.123.0.tmp", "half");
  auto options = one_step();
  options.checkpoint_folder = folder_;
  train_sft(start_, sft_rows_, options);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "step_00000003.safetensors.123.0.tmp"));
}

TEST_F(Trainer, ReferenceLogProbabilitiesAreAskedForOnceAndKept) {
  DpoOptions options{.train = one_step()};
  std::int64_t asked = 0;
  options.train.on_progress = [&asked](const base::Progress& progress) { asked = progress.total; };
  options.reference_cache = folder_;
  const auto first = train_dpo(start_, dpo_rows_, options);
  EXPECT_EQ(asked, 5);
  asked = 0;
  EXPECT_EQ(train_dpo(start_, dpo_rows_, options)->hash(), first->hash());
  EXPECT_EQ(asked, 0) << "everything was known";
  // Another reference has other numbers.
  train_dpo(first, dpo_rows_, options);
  EXPECT_EQ(asked, 5);
  // New pairs are asked about, known ones not.
  auto rows = dpo_rows_;
  rows.push_back(rows.front());
  rows.back().row.tokens[0] = text::TokenId{65};
  train_dpo(start_, rows, options);
  EXPECT_EQ(asked, 1);
}

TEST_F(Trainer, ADamagedReferenceCacheIsMadeAnew) {
  DpoOptions options{.train = one_step()};
  options.reference_cache = folder_;
  const auto first = train_dpo(start_, dpo_rows_, options);
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    auto bytes = base::read_file(entry.path());
    bytes[50] ^= 1;
    base::write_file_atomically(entry.path(), bytes);
  }
  EXPECT_EQ(train_dpo(start_, dpo_rows_, options)->hash(), first->hash());
}

TEST_F(Trainer, RewardMetricsTellLevelsAndLengthsApart) {
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

TEST_F(Trainer, TreeRowsGiveTheLossAndTheGradientOfSeparateRows) {
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

TEST_F(Trainer, DpoWithoutALikelihoodTermPushesTheChosenResponseDownAndWithOneItDoesNot) {
  // Pairs of small edit distance: what both share behind the difference is pushed down with the rejected one (Pal et al. 2024).
  const auto format = chat::make_chat_format("chatml", start_->shared_tokenizer());
  std::vector<DpoRow> rows;
  for (const char* ending : {" apples and pears", " roads to Rome", " more days of rain", " words for snow"}) {
    chat::PreferenceRow preference;
    preference.prompt.messages.push_back({.sender = chat::Sender::kUser, .content = "how many?"});
    for (const char* number : {"7", "8"}) {
      preference.responses.push_back({{.sender = chat::Sender::kAssistant, .content = std::string(number) + ending}});
    }
    preference.levels.assign(1, chat::PreferenceLevel::kBetter);
    rows.push_back(dpo_row(*format, preference));
  }
  const auto chosen_change = [&](double nll_weight) {
    std::vector<double> chosen;
    DpoOptions options{.train = {.learning_rate = 1e-3, .schedule = {.shape = Schedule::Shape::kConstant}, .steps = 40, .rows_per_step = 4},
                       .beta = 0.1, .nll_weight = nll_weight};
    train_dpo(tuned_on(rows), rows, options, [&chosen](const StepReport& report) { chosen.push_back(report.metrics.at("chosen_log_prob")); });
    return chosen.back() - chosen.front();
  };
  EXPECT_LT(chosen_change(0.0), 0.0);
  EXPECT_GE(chosen_change(0.2), 0.0);
}

TEST_F(Trainer, AFileWhereTheCheckpointsShouldGoIsRefused) {
  base::write_file_atomically(folder_, "not a folder");
  auto options = one_step();
  options.checkpoint_folder = folder_;
  EXPECT_THROW(train_sft(start_, sft_rows_, options), base::UserError);
}

TEST_F(Trainer, ACheckpointWhoseNumberOfStepsIsNoNumberIsRefused) {
  auto options = one_step();
  options.checkpoint_folder = folder_;
  train_sft(start_, sft_rows_, options);
  const auto path = folder_ / "step_00000001.safetensors";
  auto bytes = base::read_file(path);
  const std::string steps = R"("steps":"1")";
  const auto at = bytes.find(steps);
  ASSERT_NE(at, std::string::npos);
  // The header is padded with blanks, so a longer number leaves the offsets as they are when it ends in the padding's place.
  const auto end = bytes.find("  ", at);
  ASSERT_LT(end, bytes.find("\0", at, 1)) << "no padding to grow into";
  bytes.erase(end, 1);
  bytes.insert(at + steps.size() - 1, "a");
  base::write_file_atomically(path, bytes);
  try {
    train_sft(start_, sft_rows_, options);
    FAIL() << "1a steps were taken for 1";
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("'1a' steps"));
  }
}

TEST_F(Trainer, RefusesRowsThatDoNotFitTheModel) {
  const auto message = [&](std::span<const model::TokenRow> rows, const TrainOptions& options) -> std::string {
    try {
      train_sft(start_, rows, options);
    } catch (const base::UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(message({}, one_step()), HasSubstr("no rows"));
  std::vector<model::TokenRow> foreign{model::score_all(std::vector{text::TokenId{5}, text::TokenId{70000}})};
  EXPECT_THAT(message(foreign, one_step()), HasSubstr("token 70000"));
  std::vector<model::TokenRow> foreign_target{sft_rows_[0]};
  foreign_target[0].learned[0].target = text::TokenId{70001};
  EXPECT_THAT(message(foreign_target, one_step()), HasSubstr("token 70001"));
  std::vector<model::TokenRow> silent{sft_rows_[0]};
  silent[0].learned.clear();
  EXPECT_THAT(message(silent, one_step()), HasSubstr("Row 1 has nothing to learn"));
  std::vector<model::TokenRow> longer{model::score_all(std::vector<text::TokenId>(3000, text::TokenId{65}))};
  EXPECT_THAT(message(longer, one_step()), HasSubstr("position 2048"));
  auto options = one_step();
  options.learning_rate = 0;
  EXPECT_THAT(message(sft_rows_, options), HasSubstr("learning_rate = 0"));
  options.learning_rate = 1e38;
  EXPECT_THAT(message(sft_rows_, options), HasSubstr("learning_rate = 1e+38"));
  EXPECT_THAT(message(sft_rows_, {.steps = 1, .rows_per_step = 2'000'000}), HasSubstr("rows_per_step = 2000000"));
  EXPECT_THAT(message(sft_rows_, {.steps = 1, .tokens_per_step = 200'000'000}), HasSubstr("tokens_per_step = 200000000"));
  EXPECT_THAT(message(sft_rows_, {.epochs = 1e12}), HasSubstr("epochs = 1000000000000 is not possible"));
  EXPECT_THROW(train_dpo(start_, dpo_rows_, {.beta = 0}), base::UserError);
  EXPECT_THROW(train_dpo(start_, dpo_rows_, {.label_smoothing = 0.5}), base::UserError);
  EXPECT_THROW(train_reward(start_, reward_rows_, {.centring = -1}), base::UserError);
}

TEST_F(Trainer, ALossThatIsNotFiniteStopsTheRunWithItsStep) {
  auto parameters = start_->decoder().parameters();
  for (auto& [name, tensor] : parameters) tensor = tensor.clone().fill_(1e30);
  const auto broken = start_->with_decoder(std::make_shared<const model::Decoder>(start_->config(), parameters));
  try {
    train_sft(broken, sft_rows_, one_step());
    FAIL() << "the run went on";
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("sft step 1: the loss is"), HasSubstr("nan")));
  }
}

TEST_F(Trainer, AStartModelWithWeightsThatAreNoNumbersIsRefused) {
  auto parameters = start_->decoder().parameters();
  parameters[3].second = parameters[3].second.clone();
  parameters[3].second.view({-1})[5] = std::nan("");
  const auto broken = start_->with_decoder(std::make_shared<const model::Decoder>(start_->config(), parameters));
  try {
    train_sft(broken, sft_rows_, one_step());
    FAIL() << "the run began";
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(HasSubstr(parameters[3].first), HasSubstr("NaN")));
  }
}

TEST_F(Trainer, ARunThatIsStuckStopsAndNamesTheLinesOfItsRows) {
  auto options = one_step();
  options.learning_rate = 1e-30;
  options.steps = 40;
  options.row_lines = {11, 12, 13, 15, 19};
  std::int64_t steps = 0;
  try {
    train_sft(start_, sft_rows_, options, [&steps](const StepReport& report) { steps = report.step; });
    FAIL() << "nothing moved, and the run went on";
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("sft step 20: the loss does not move"), HasSubstr("stand in line 1")));
  }
  EXPECT_EQ(steps, 20);
  options.stop_when_lost = false;
  train_sft(start_, sft_rows_, options, [&steps](const StepReport& report) { steps = report.step; });
  EXPECT_EQ(steps, 40);
}

TEST_F(Trainer, ARunSaysWhatItWillDoBeforeItsFirstStep) {
  auto options = one_step();
  options.steps = 3;
  std::optional<RunOutlook> outlook;
  bool stepped = false;
  options.on_start = [&](const RunOutlook& said) {
    EXPECT_FALSE(stepped);
    outlook = said;
  };
  train_reward(start_, reward_rows_, {.train = options}, [&stepped](const StepReport&) { stepped = true; });
  std::int64_t tokens = 0, unshared = 0;
  for (const auto& row : reward_rows_) {
    tokens += row.num_tokens();
    unshared += row.num_tokens() + 2 * row.segments[0].end;  // the prompt three times instead of once
  }
  ASSERT_TRUE(outlook);
  EXPECT_EQ(outlook->rows, 5);
  EXPECT_EQ(outlook->tokens, tokens);
  EXPECT_EQ(outlook->tokens_unshared, unshared);
  EXPECT_EQ(outlook->learned, 15);
  EXPECT_EQ(outlook->steps, 3);
  EXPECT_EQ(outlook->step_tokens, 3 * tokens);
  EXPECT_EQ(outlook->largest_row, tokens) << "all rows of a step fit one packed row";
  EXPECT_GT(outlook->predicted_seconds, 0.0);
  EXPECT_GT(outlook->predicted_peak_bytes, 16 * start_->decoder().num_parameters()) << "weights, gradients and two moments";
}

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

TEST_F(Trainer, GradientsOfEveryObjectiveEqualFiniteDifferences) {
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
  const auto outcome = make_binary_objective("outcome", rows);
  expect_gradient(*with_reward, *outcome);
  const std::vector<std::string> names{"wrong", "right"};
  const auto classes = make_class_objective(rows, names);
  expect_gradient(*model::with_head(start_->decoder(), {.kind = model::HeadKind::kClasses, .num_labels = 2, .seed = 2}), *classes);
}

}  // namespace
}  // namespace drover::train
