#include <gtest/gtest.h>

#include "evaluate/interval.h"
#include "evaluate/paired_comparison.h"

namespace drover::evaluate {
namespace {

// Expected values: scipy.stats.binomtest(k, n).proportion_ci(method="wilson").
TEST(WilsonInterval, EqualsScipy) {
  EXPECT_NEAR(wilson_interval(5, 10).low, 0.236593090512564, 1e-9);
  EXPECT_NEAR(wilson_interval(5, 10).high, 0.763406909487436, 1e-9);
  EXPECT_NEAR(wilson_interval(0, 20).low, 0.0, 1e-12);
  EXPECT_NEAR(wilson_interval(0, 20).high, 0.161125158052819, 1e-9);
  EXPECT_NEAR(wilson_interval(20, 20).low, 1 - 0.161125158052819, 1e-9);
}

TEST(WilsonInterval, SaysNothingWithoutObservations) {
  EXPECT_EQ(wilson_interval(0, 0).low, 0);
  EXPECT_EQ(wilson_interval(0, 0).high, 1);
}

std::vector<bool> answers(std::int64_t right_first, std::int64_t n) {
  std::vector<bool> list(static_cast<std::size_t>(n), false);
  for (std::int64_t i = 0; i < right_first; ++i) list[static_cast<std::size_t>(i)] = true;
  return list;
}

TEST(PairedComparison, CountsWhereTheModelsDiffer) {
  // The first is right on prompts 0..2, the second on 0..7: all 5 differing prompts go to the second, 2 * (1/2)^5.
  const auto result = compare_paired(answers(3, 10), answers(8, 10));
  EXPECT_EQ(result.both_right, 3);
  EXPECT_EQ(result.only_first, 0);
  EXPECT_EQ(result.only_second, 5);
  EXPECT_EQ(result.both_wrong, 2);
  EXPECT_NEAR(result.p_value, 2.0 / 32, 1e-12);
}

TEST(PairedComparison, IsACoinTossTest) {
  // 2 against 6: 2 * (1 + 8 + 28) / 256.
  std::vector<bool> first(8, false);
  std::vector<bool> second(8, true);
  first[0] = first[1] = true;
  second[0] = second[1] = false;
  EXPECT_NEAR(compare_paired(first, second).p_value, 2.0 * 37 / 256, 1e-12);
  EXPECT_EQ(compare_paired(answers(4, 9), answers(4, 9)).p_value, 1);
  EXPECT_EQ(compare_paired({true, false}, {false, true}).p_value, 1);
}

TEST(PairedComparison, HoldsForManyPrompts) {
  EXPECT_NEAR(compare_paired(answers(0, 4000), answers(2000, 4000)).p_value, 0, 1e-12);
}

}  // namespace
}  // namespace drover::evaluate
