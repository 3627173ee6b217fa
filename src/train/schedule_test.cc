#include "train/schedule.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace drover::train {
namespace {

TEST(Schedule, WarmsUpInEqualStepsThenStaysConstant) {
  const Schedule schedule{.shape = Schedule::Shape::kConstant, .warmup_steps = 3};
  EXPECT_DOUBLE_EQ(share_at(schedule, 0, 10), 0.25);
  EXPECT_DOUBLE_EQ(share_at(schedule, 1, 10), 0.5);
  EXPECT_DOUBLE_EQ(share_at(schedule, 2, 10), 0.75);
  EXPECT_DOUBLE_EQ(share_at(schedule, 3, 10), 1.0);
  EXPECT_DOUBLE_EQ(share_at(schedule, 9, 10), 1.0);
}

TEST(Schedule, LinearEndsAtItsFinalShare) {
  const Schedule schedule{.shape = Schedule::Shape::kLinear, .final_share = 0.2};
  EXPECT_DOUBLE_EQ(share_at(schedule, 0, 5), 1.0);
  EXPECT_DOUBLE_EQ(share_at(schedule, 2, 5), 0.6);
  EXPECT_DOUBLE_EQ(share_at(schedule, 4, 5), 0.2);
}

TEST(Schedule, CosineIsHalfWayDownInTheMiddle) {
  const Schedule schedule{.shape = Schedule::Shape::kCosine, .warmup_steps = 2, .final_share = 0.1};
  EXPECT_DOUBLE_EQ(share_at(schedule, 2, 9), 1.0);
  EXPECT_DOUBLE_EQ(share_at(schedule, 5, 9), 0.55);
  EXPECT_NEAR(share_at(schedule, 8, 9), 0.1, 1e-12);
}

TEST(Schedule, ARunOfOneStepRunsAtThePeak) { EXPECT_DOUBLE_EQ(share_at({}, 0, 1), 1.0); }

TEST(Schedule, NamesReadBack) {
  for (const auto* name : {"constant", "linear", "cosine"}) EXPECT_EQ(name_of(*schedule_shape_of(name)), name);
  EXPECT_FALSE(schedule_shape_of("sine").has_value());
}

TEST(Schedule, RefusesWhatIsOutOfRange) {
  EXPECT_THROW(Schedule{.warmup_steps = -1}.validate(), base::UserError);
  EXPECT_THROW(Schedule{.final_share = 1.5}.validate(), base::UserError);
}

}  // namespace
}  // namespace drover::train
