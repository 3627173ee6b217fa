#include "base/proportion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace drover::base {
namespace {

TEST(ChanceOfAtLeast, IsTheBinomialTail) {
  EXPECT_DOUBLE_EQ(chance_of_at_least(0, 10), 1);
  EXPECT_NEAR(chance_of_at_least(10, 10), std::pow(0.5, 10), 1e-12);
  EXPECT_NEAR(chance_of_at_least(8, 10), (45.0 + 10 + 1) / 1024, 1e-12);
  // scipy.stats.binomtest(k, n, alternative="greater").pvalue
  EXPECT_NEAR(chance_of_at_least(37, 60), 0.04623049053646187, 1e-10);
  EXPECT_NEAR(chance_of_at_least(550, 1000), 0.0008652680424881513, 1e-10);
}

TEST(ChanceOfAtLeast, WithoutTossesNothingIsUnlikely) { EXPECT_DOUBLE_EQ(chance_of_at_least(0, 0), 1); }

TEST(ChanceOfAtLeast, RefusesMoreHeadsThanTosses) { EXPECT_THROW(chance_of_at_least(3, 2), InternalError); }

// 2 * (1/2)^5, and 2 * (1 + 8 + 28) / 256 for 2 against 6.
TEST(PairedPValue, IsTwoSided) {
  EXPECT_NEAR(paired_p_value(0, 5), 2.0 / 32, 1e-12);
  EXPECT_NEAR(paired_p_value(5, 0), 2.0 / 32, 1e-12);
  EXPECT_NEAR(paired_p_value(2, 6), 2.0 * 37 / 256, 1e-12);
}

TEST(PairedPValue, AnEvenSplitOrNoneSaysNothing) {
  EXPECT_EQ(paired_p_value(3, 3), 1);
  EXPECT_EQ(paired_p_value(0, 0), 1);
}

TEST(HolmCorrection, StepsDown) {
  // Holm 1979: sorted 0.01, 0.03, 0.04 times 3, 2, 1, and never falling.
  EXPECT_THAT(holm_corrected({0.03, 0.01, 0.04}),
              ::testing::ElementsAre(::testing::DoubleEq(0.06), ::testing::DoubleEq(0.03), ::testing::DoubleEq(0.06)));
  EXPECT_THAT(holm_corrected({0.9, 0.8}), ::testing::ElementsAre(1.0, 1.0));
  EXPECT_TRUE(holm_corrected({}).empty());
}

// Holm's own example of the procedure: the smallest is multiplied by the number of tests, the next by one less.
TEST(HolmCorrection, MultipliesStepByStepAndNeverFalls) {
  EXPECT_THAT(holm_corrected({0.01, 0.04, 0.03}),
              ::testing::ElementsAre(::testing::DoubleEq(0.03), ::testing::DoubleEq(0.06), ::testing::DoubleEq(0.06)));
  EXPECT_THAT(holm_corrected({0.9, 0.8}), ::testing::ElementsAre(1.0, 1.0));
  EXPECT_TRUE(holm_corrected({}).empty());
}

}  // namespace
}  // namespace drover::base
