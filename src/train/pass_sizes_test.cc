#include "train/pass_sizes.h"

#include <gtest/gtest.h>

namespace drover::train {
namespace {

TEST(PassSizes, RowsOfAStepShareAPassUpToItsSize) {
  const std::vector<std::int64_t> sizes{60, 30, 50}, learned{1, 20, 5};
  const std::vector<std::vector<std::int64_t>> steps{{0, 1, 2}};
  const auto most = largest_passes(sizes, learned, steps, 100);
  EXPECT_EQ(most.tokens, 90) << "60 and 30; 50 has a pass of its own";
  EXPECT_EQ(most.learned, 21);
  EXPECT_EQ(largest_passes(sizes, learned, steps, 40).tokens, 60) << "a row that is larger than a pass has one of its own";
}

TEST(PassSizes, TheLargestPassCountsWhereverItStands) {
  const std::vector<std::int64_t> sizes{10, 1000}, learned{3, 2};
  std::vector<std::vector<std::int64_t>> steps(2000, {0});
  steps[1990] = {1};
  const auto most = largest_passes(sizes, learned, steps, 100);
  EXPECT_EQ(most.tokens, 1000);
  EXPECT_EQ(most.learned, 3) << "of another pass";
}

TEST(PassSizes, OfManyRowsTheLastAreNotPackedButCount) {
  const std::vector<std::int64_t> sizes{10, 1000}, learned{3, 2};
  std::vector<std::vector<std::int64_t>> steps(3, std::vector<std::int64_t>(500'000, 0));
  steps[2].back() = 1;
  EXPECT_EQ(largest_passes(sizes, learned, steps, 100).tokens, 1000);
}

}  // namespace
}  // namespace drover::train
