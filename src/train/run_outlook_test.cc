#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "model/decoder.h"
#include "train/process_memory.h"
#include "train/run_outlook.h"
#include "train/step_plan.h"
#include "train/tiny_training_test.h"

namespace drover::train {
namespace {

using Outlook = TinyTraining;

TEST_F(Outlook, ARunSaysWhatItWillDoBeforeItsFirstStep) {
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

TEST_F(Outlook, SaysWhatRowsArePackedTo) {
  auto options = one_step();
  std::optional<RunOutlook> outlook;
  options.on_start = [&outlook](const RunOutlook& said) { outlook = said; };
  options.packed_tokens = 0;
  train_sft(start_, sft_rows_, options);
  EXPECT_EQ(outlook->packed_tokens, 1024) << "all rows fit it";
  EXPECT_EQ(outlook->packed_fill, 1.0);
  std::int64_t largest = 0;
  for (const auto& row : sft_rows_) largest = std::max(largest, row.num_tokens());
  options.packed_tokens = largest;
  train_sft(start_, sft_rows_, options);
  EXPECT_EQ(outlook->packed_tokens, largest);
}

TEST_F(Outlook, TheLongestRowCountsWhereverInTheRunItComes) {
  auto options = one_step();
  options.steps = 80;
  options.rows_per_step = 1;
  options.packed_tokens = 8;
  std::vector<model::TokenRow> rows(80, sft_rows_[0]);
  const auto plan = plan_steps(std::vector<std::int64_t>(80, rows[0].num_tokens()), options);
  std::optional<RunOutlook> outlook;
  options.on_start = [&outlook](const RunOutlook& said) { outlook = said; };
  const auto stop = [](const StepReport&) { throw base::UserError("enough"); };
  const auto said_of = [&](std::int64_t step) {
    auto some = rows;
    auto& longest = some[static_cast<std::size_t>(plan[static_cast<std::size_t>(step)][0])];
    for (const auto& row : sft_rows_) {
      if (row.num_tokens() > longest.num_tokens()) longest = row;
    }
    EXPECT_GT(longest.num_tokens(), rows[0].num_tokens());
    EXPECT_THROW(train_sft(start_, some, options, stop), base::UserError);
    EXPECT_EQ(outlook->largest_row, longest.num_tokens());
  };
  said_of(0);
  said_of(79);
}

TEST_F(Outlook, CountsTheReferencePassOfDpoUntilItsResultsAreKnown) {
  DpoOptions options{.train = one_step()};
  options.reference_cache = folder_;
  std::optional<RunOutlook> outlook;
  options.train.on_start = [&outlook](const RunOutlook& said) { outlook = said; };
  train_dpo(start_, dpo_rows_, options);
  EXPECT_EQ(outlook->reference_tokens, outlook->tokens) << "every pair once";
  EXPECT_GT(outlook->reference_tokens, 0);
  train_dpo(start_, dpo_rows_, options);
  EXPECT_EQ(outlook->reference_tokens, 0);
}

TEST_F(Outlook, CountsWhatWasHeldBeforeTheFirstStep) {
  auto options = one_step();
  std::int64_t predicted = 0;
  std::int64_t held = 0;
  options.on_start = [&](const RunOutlook& said) {
    predicted = said.predicted_peak_bytes;
    held = process_memory().peak;
  };
  train_sft(start_, sft_rows_, options);
  EXPECT_GT(held, 0);
  EXPECT_GE(predicted, held);
}

}  // namespace
}  // namespace drover::train
