#include "generate/log_prob_gap.h"

#include <gtest/gtest.h>

namespace drover::generate {
namespace {

TEST(LogProbGap, CountsSizesAndSigns) {
  std::vector<double> gaps;
  for (int i = 1; i <= 1000; ++i) gaps.push_back(i % 2 == 0 ? i : -i);
  const auto gap = log_prob_gap(gaps);
  EXPECT_EQ(gap.tokens, 1000);
  EXPECT_DOUBLE_EQ(gap.mean, 500.5);
  EXPECT_DOUBLE_EQ(gap.mean_signed, 0.5);
  EXPECT_DOUBLE_EQ(gap.percentile_99, 990.0);
  EXPECT_DOUBLE_EQ(gap.percentile_99_9, 999.0);
  EXPECT_DOUBLE_EQ(gap.largest, 1000.0);
  EXPECT_EQ(log_prob_gap({}).tokens, 0);
}

}  // namespace
}  // namespace drover::generate
