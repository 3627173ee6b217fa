#include "train/held_out.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "chat/byte_tokenizer_test.h"
#include "model/decoder.h"
#include "model/log_probs.h"
#include "model/random_decoder.h"
#include "train/tiny_training_test.h"
#include "train/train_options.h"
#include "train/trainer.h"

namespace drover::train {
namespace {

TEST(HeldOut, ScoreIsMinusTheLossOfOneStepOverAllRows) {
  const auto tokenizer = chat::smollm2_bytes();
  const auto model = std::make_shared<const model::Model>(model::random_decoder(model::tiny_config(tokenizer->vocab_size()), 5), tokenizer, std::nullopt, "");
  std::vector<model::TokenRow> rows;
  for (const int length : {3, 17, 9}) {
    std::vector<text::TokenId> tokens;
    for (int i = 0; i < length; ++i) tokens.push_back(text::TokenId{(i * 31 + length) % 250});
    rows.push_back(model::score_all(tokens));
  }
  double loss = 0;
  TrainOptions options;
  options.steps = 1;
  options.rows_per_step = 3;
  options.compute_type = model::ComputeType::kFloat32;
  train_lm(model, rows, options, [&](const StepReport& report) { loss = report.loss; });
  EXPECT_NEAR(mean_log_prob(*model, rows), -loss, 1e-5);
  EXPECT_THROW(mean_log_prob(*model, {}), base::UserError);
}

using HeldOutPreferences = TinyTraining;

TEST_F(HeldOutPreferences, ScoreIsMinusTheLossOfOneStepOverAllRows) {
  const auto judge = train_reward(start_, reward_rows_, {.train = {.learning_rate = 1e-2, .steps = 5, .rows_per_step = 5}});
  const auto loss = first_of([&](const OnStep& on_step) { train_reward(judge, reward_rows_, {.train = one_step()}, on_step); }).loss;
  const std::vector<std::vector<RankedPair>> pairs(reward_rows_.size(), all_pairs(3));
  EXPECT_NEAR(mean_ranking_log_prob(*judge, reward_rows_, pairs), -loss, 1e-5);
  EXPECT_THROW(mean_ranking_log_prob(*judge, {}, {}), base::UserError);
  EXPECT_THROW(mean_ranking_log_prob(*start_, reward_rows_, pairs), base::UserError) << "no reward head";
}

}  // namespace
}  // namespace drover::train
