#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/decoder.h"
#include "model/log_probs.h"
#include "train/tiny_training_test.h"

namespace drover::train {
namespace {

using testing::HasSubstr;
using Trainer = TinyTraining;

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

}  // namespace
}  // namespace drover::train
