#include "train/packing_choice.h"

#include <gtest/gtest.h>

#include <numeric>

namespace drover::train {
namespace {

using Steps = std::vector<std::vector<std::int64_t>>;

/// One step of `count` rows of `size` tokens.
std::int64_t chosen_for(std::int64_t count, std::int64_t size) {
  const std::vector<std::int64_t> sizes(static_cast<std::size_t>(count), size);
  Steps steps(1);
  steps[0].resize(sizes.size());
  std::iota(steps[0].begin(), steps[0].end(), 0);
  return chosen_packed_tokens(sizes, steps);
}

TEST(PackingChoice, RowsThatFillThousandTokensStayThere) {
  EXPECT_EQ(chosen_for(8, 195), 1024);
  EXPECT_EQ(chosen_for(32, 500), 1024) << "two at once";
}

TEST(PackingChoice, RowsThatWouldLeaveHalfOfEachPassEmptyGetLargerPasses) {
  EXPECT_EQ(chosen_for(8, 600), 1280) << "8 passes of one row would have room for 5 passes' tokens; 4 passes of two rows have not";
  EXPECT_EQ(chosen_for(8, 700), 1536);
  EXPECT_EQ(chosen_for(320, 530), 1792) << "two fill 83% of 1280, three 89% of 1792";
}

TEST(PackingChoice, AStepOfOnePassAndRowsLargerThanAnyPassNeedNothing) {
  EXPECT_EQ(chosen_for(1, 600), 1024);
  EXPECT_EQ(chosen_for(4, 5000), 1024);
}

TEST(PackingChoice, TheFillIsTheFewestPassesOfThoseTaken) {
  const std::vector<std::int64_t> sizes{600, 600, 600, 100};
  const Steps steps{{0, 1, 2}, {3}};
  EXPECT_DOUBLE_EQ(packed_fill(sizes, steps, 1000), 3.0 / 4.0) << "1800 tokens fit 2 passes, and take 3; 100 fit 1";
  EXPECT_DOUBLE_EQ(packed_fill(sizes, steps, 1200), 1.0);
  EXPECT_DOUBLE_EQ(packed_fill(sizes, steps, 10), 1.0) << "every row is larger and stands alone";
}

}  // namespace
}  // namespace drover::train
