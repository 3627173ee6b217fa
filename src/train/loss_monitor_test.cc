#include "train/loss_monitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace drover::train {
namespace {

using testing::HasSubstr;

TEST(LossMonitor, ZScoreCountsStandardDeviationsOfTheLossesBefore) {
  LossMonitor monitor;
  for (int i = 0; i < 7; ++i) monitor.add(i, 1);
  EXPECT_EQ(monitor.z_score(3), std::nullopt) << "too few to judge";
  monitor.add(7, 1);
  // 0 to 7: mean 3.5, sample variance 6.
  EXPECT_NEAR(monitor.z_score(3.5 + 2 * std::sqrt(6.0)).value(), 2.0, 1e-12);
  for (int i = 0; i < 64; ++i) monitor.add(1, 1);
  EXPECT_EQ(monitor.z_score(1), std::nullopt) << "64 equal losses have no deviation";
}

TEST(LossMonitor, ZScoreOfANormCountsThoseOfTheStepsBefore) {
  LossMonitor monitor;
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(monitor.z_score_of_norm(3), std::nullopt);
    monitor.add(1, i);
  }
  EXPECT_NEAR(monitor.z_score_of_norm(3.5 + 2 * std::sqrt(6.0)).value(), 2.0, 1e-12);
  for (int i = 0; i < 64; ++i) monitor.add(i, 1);
  EXPECT_EQ(monitor.z_score_of_norm(1), std::nullopt) << "64 equal norms have no deviation";
}

TEST(LossMonitor, StopsWhenTheLossExplodes) {
  LossMonitor monitor;
  for (int i = 0; i < 40; ++i) monitor.add(1.0 + 0.01 * i, 1);
  EXPECT_EQ(monitor.reason_to_stop(), std::nullopt);
  for (int i = 0; i < 15; ++i) monitor.add(9.0 + 0.1 * i, 1);
  ASSERT_TRUE(monitor.reason_to_stop());
  EXPECT_THAT(*monitor.reason_to_stop(), HasSubstr("explodes"));
}

TEST(LossMonitor, OneBadBatchIsNoExplosion) {
  LossMonitor monitor;
  for (int i = 0; i < 40; ++i) monitor.add(1.0 + 0.01 * i, 1);
  monitor.add(30.0, 1);
  EXPECT_EQ(monitor.reason_to_stop(), std::nullopt);
}

TEST(LossMonitor, StopsWhenNothingMoves) {
  LossMonitor equal;
  for (int i = 0; i < 19; ++i) equal.add(0.69, 1);
  EXPECT_EQ(equal.reason_to_stop(), std::nullopt);
  equal.add(0.69, 1);
  EXPECT_THAT(equal.reason_to_stop().value_or(""), HasSubstr("does not move"));
  LossMonitor zero;
  for (int i = 0; i < 10; ++i) zero.add(0.69 + i, 0.0);
  EXPECT_THAT(zero.reason_to_stop().value_or(""), HasSubstr("gradient was zero"));
}

// Losses with a standard deviation of 1 / sqrt(2) around a line; the standard error of two means of 64 is then 0.125.
LossMonitor after(int steps, double fall_per_step) {
  LossMonitor monitor;
  for (int i = 0; i < steps; ++i) monitor.add(5.0 + std::sin(2.4 * i) - fall_per_step * i, 1);
  return monitor;
}

TEST(LossMonitor, WarnsOnceWhenALossDoesNotFallBeyondItsNoise) {
  EXPECT_THAT(after(256, 0.0).reason_to_doubt().value_or(""), HasSubstr("does not fall beyond its noise: its mean is 5"));
  EXPECT_THAT(after(256, -0.01).reason_to_doubt().value_or(""), HasSubstr("does not fall")) << "it rises";
  EXPECT_EQ(after(255, 0.0).reason_to_doubt(), std::nullopt);
  EXPECT_EQ(after(257, 0.0).reason_to_doubt(), std::nullopt);
  // The means lie 192 steps apart.
  EXPECT_TRUE(after(256, 0.20 / 192).reason_to_doubt());
  EXPECT_EQ(after(256, 0.30 / 192).reason_to_doubt(), std::nullopt);
  EXPECT_EQ(after(256, 0.0).reason_to_stop(), std::nullopt);
}

TEST(LossMonitor, WhatIsLearnedToTheEndMayRest) {
  LossMonitor monitor;
  for (int i = 0; i < 40; ++i) monitor.add(0.0, 0.0);
  EXPECT_EQ(monitor.reason_to_stop(), std::nullopt);
}

TEST(LossMonitor, GoesOnFromItsState) {
  LossMonitor whole, part;
  for (int i = 0; i < 90; ++i) whole.add(std::sin(i), 2 + std::cos(i));
  for (int i = 0; i < 50; ++i) part.add(std::sin(i), 2 + std::cos(i));
  LossMonitor rest;
  rest.restore(part.state());
  EXPECT_EQ(rest.z_score_of_norm(9), part.z_score_of_norm(9));
  for (int i = 50; i < 90; ++i) rest.add(std::sin(i), 2 + std::cos(i));
  EXPECT_EQ(rest.state(), whole.state());
}

}  // namespace
}  // namespace drover::train
