#include "model/greedy_soup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"

namespace drover::model {
namespace {

using ::testing::ElementsAre;

/// Models that are one number each; a mean of them scores by its distance from 0.95.
SoupScore near_target(const std::vector<double>& models) {
  return [models](std::span<const double> weights) {
    double sum = 0, total = 0;
    for (std::size_t i = 0; i < models.size(); ++i) {
      if (weights[i] > 0) sum += weights[i] * models[i];
      total += weights[i];
    }
    return -std::abs(sum / total - 0.95);
  };
}

TEST(GreedySoup, KeepsWhatHelpsAndDropsWhatHarmsOrIsBroken) {
  // Alone they are 0.07, NaN, 0.05 and 4.05 away; the first and the third together 0.01.
  const auto soup = greedy_soup(4, near_target({1.02, std::numeric_limits<double>::quiet_NaN(), 0.9, 5.0}));
  EXPECT_THAT(soup.weights, ElementsAre(1, 0, 1, 0));
  EXPECT_NEAR(soup.score, -0.01, 1e-12);
  ASSERT_EQ(soup.tries.size(), 4U);
  EXPECT_EQ(soup.tries[0].model, 2U) << "the best is tried first";
  EXPECT_NEAR(soup.tries[0].own_score, -0.05, 1e-12);
  EXPECT_NEAR(soup.tries[1].own_score, -0.07, 1e-12);
  EXPECT_NEAR(soup.tries[1].soup_score, -0.01, 1e-12);
  EXPECT_EQ(soup.tries[3].model, 1U) << "a score that is not a number is the worst";
  EXPECT_FALSE(soup.tries[2].is_kept);
  EXPECT_FALSE(soup.tries[3].is_kept);
}

TEST(GreedySoup, KeepsAModelThatLeavesTheScoreAsItIs) {
  const auto soup = greedy_soup(3, [](std::span<const double>) { return -1.0; });
  EXPECT_THAT(soup.weights, ElementsAre(1, 1, 1));
  EXPECT_THAT((std::vector<std::size_t>{soup.tries[0].model, soup.tries[1].model, soup.tries[2].model}), ElementsAre(0U, 1U, 2U));
}

TEST(GreedySoup, OfBrokenModelsAloneIsRefused) {
  EXPECT_THROW(greedy_soup(2, [](std::span<const double>) { return std::numeric_limits<double>::quiet_NaN(); }), base::UserError);
}

}  // namespace
}  // namespace drover::model
