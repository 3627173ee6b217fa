#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "model/decoder.h"
#include "train/process_memory.h"
#include "train/run_outlook.h"
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
