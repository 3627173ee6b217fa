#include "train/step_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"

namespace drover::train {
namespace {

using Plan = std::vector<std::vector<std::int64_t>>;

std::vector<std::int64_t> flat(const Plan& plan) {
  std::vector<std::int64_t> rows;
  for (const auto& step : plan) rows.insert(rows.end(), step.begin(), step.end());
  return rows;
}

const std::vector<std::int64_t> kTenRows{5, 7, 3, 9, 4, 6, 8, 2, 5, 5};

TEST(StepPlan, APassTakesEveryRowOnceAndItsLastStepWhatIsLeft) {
  const auto plan = plan_steps(kTenRows, {.rows_per_step = 4});
  ASSERT_EQ(plan.size(), 3U);
  EXPECT_EQ(plan[2].size(), 2U);
  EXPECT_THAT(flat(plan), testing::UnorderedElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
}

TEST(StepPlan, EachPassHasItsOwnOrderAndTheSeedDecides) {
  const auto two = flat(plan_steps(kTenRows, {.epochs = 2, .rows_per_step = 10}));
  const std::vector<std::int64_t> first(two.begin(), two.begin() + 10), second(two.begin() + 10, two.end());
  EXPECT_NE(first, second);
  EXPECT_THAT(second, testing::UnorderedElementsAreArray(first));
  EXPECT_EQ(flat(plan_steps(kTenRows, {.epochs = 2, .rows_per_step = 10})), two);
  EXPECT_NE(flat(plan_steps(kTenRows, {.epochs = 2, .rows_per_step = 10, .seed = 1})), two);
}

TEST(StepPlan, StepsCountWhenGivenAndReachIntoTheNextPass) {
  const auto plan = plan_steps(kTenRows, {.steps = 7, .rows_per_step = 3});
  ASSERT_EQ(plan.size(), 7U);
  for (const auto& step : plan) EXPECT_EQ(step.size(), 3U);
}

TEST(StepPlan, TokensFillAStepUntilTheyReachItsSize) {
  const auto plan = plan_steps(kTenRows, {.tokens_per_step = 12});
  for (std::size_t s = 0; s < plan.size(); ++s) {
    std::int64_t tokens = 0;
    for (const auto row : plan[s]) tokens += kTenRows[static_cast<std::size_t>(row)];
    const auto without_last = tokens - kTenRows[static_cast<std::size_t>(plan[s].back())];
    EXPECT_LT(without_last, 12);
    if (s + 1 < plan.size()) {
      EXPECT_GE(tokens, 12);
    }
  }
  EXPECT_EQ(flat(plan).size(), 10U);
}

TEST(StepPlan, HalfAPassTakesHalfTheRows) { EXPECT_EQ(flat(plan_steps(kTenRows, {.epochs = 0.5})).size(), 5U); }

TEST(StepPlan, RefusesMoreRowsThanMemoryShouldHold) {
  const std::vector<std::int64_t> sizes(1000, 1);
  EXPECT_THROW(plan_steps(sizes, {.epochs = 1e6}), base::UserError);
  EXPECT_THROW(plan_steps(sizes, {.steps = 1'000'000'000'000}), base::UserError);
  EXPECT_THROW(plan_steps(sizes, {.steps = 100'000'000, .rows_per_step = 2}), base::UserError);
}

}  // namespace
}  // namespace drover::train
