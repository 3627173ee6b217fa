#include "curate/quality.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "curate/dialog_test.h"
#include "curate/difficulty.h"

namespace drover::curate {
namespace {

Row scored(std::optional<double> reward, std::optional<double> quality = {},
           const std::string& capability = "general") {
  return {.dialog = asked("q", "a"), .reward = reward, .quality = quality, .capability = capability};
}

TEST(Quality, TheTopQuartileOfEachCapabilityIsHigh) {
  std::vector<Row> rows;
  for (int i = 0; i < 8; ++i) rows.push_back(scored(i, {}, "general"));
  for (int i = 0; i < 4; ++i) rows.push_back(scored(100 + i, {}, "code"));
  // ceil(8 / 4) = 2 of general, ceil(4 / 4) = 1 of code, whatever the scale of its rewards.
  EXPECT_EQ(kept_rows(high_quality(rows)), (std::vector<std::size_t>{6, 7, 11}));
}

TEST(Quality, EqualRewardsAtTheBoundAllCount) {
  const std::vector<Row> rows = {scored(1), scored(2), scored(2), scored(0)};
  EXPECT_EQ(kept_rows(high_quality(rows)), (std::vector<std::size_t>{1, 2}));
}

TEST(Quality, RewardAndJudgeAreJoined) {
  const std::vector<Row> rows = {scored(4, 3),  scored(3, 3),  scored(2, 2),  scored(1, 3),
                                 scored(0, {}), scored(-1, 0), scored(-2, 1), scored(9, 0)};
  const auto decisions = high_quality(rows);
  EXPECT_EQ(kept_rows(decisions), (std::vector<std::size_t>{0, 1, 3, 7}));
  EXPECT_EQ(decisions[0].rule, "reward and judge");
  EXPECT_EQ(decisions[1].rule, "judge");
  EXPECT_EQ(decisions[7].rule, "reward");
  EXPECT_EQ(decisions[2].rule, "low quality");
  EXPECT_EQ(decisions[2].reason, "reward 2 (4 counts as high), judge's points 2 of 3");
  EXPECT_EQ(kept_rows(high_quality(rows, {.use_judge = false})), (std::vector<std::size_t>{0, 7}));
  EXPECT_EQ(kept_rows(high_quality(rows, {.reward_share = 0})), (std::vector<std::size_t>{0, 1, 3}));
}

TEST(Quality, CodeHasTwoPointsOnly) {
  const std::vector<Row> rows = {scored({}, 2, "code"), scored({}, 2, "general"), scored({}, 1, "code")};
  EXPECT_EQ(kept_rows(high_quality(rows)), (std::vector<std::size_t>{0}));
}

TEST(Quality, UnknownIsNotHigh) {
  const auto decisions = high_quality(std::vector<Row>{scored({})});
  EXPECT_FALSE(decisions[0].kept);
  EXPECT_EQ(decisions[0].rule, "no score");
  EXPECT_THROW(high_quality({}, {.reward_share = 2}), base::UserError);
}

TEST(Difficulty, IntentionsAreCountedOnceHoweverTheyAreWritten) {
  Row row{.dialog = asked("q", "a")};
  EXPECT_EQ(num_intentions(row), std::nullopt) << "unknown";
  row.intentions = {{"Story writing", "story_writing", "STORY-WRITING.", "translation", "?"}};
  EXPECT_EQ(num_intentions(row), 2);
  row.intentions.emplace().clear();
  EXPECT_EQ(num_intentions(row), 0) << "known to have none";
}

TEST(Difficulty, WorthIsQualityTimesDifficulty) {
  std::vector<Row> rows(3, Row{.dialog = asked("q", "a"), .capability = "general"});
  rows[0].quality = 3;     // 1
  rows[0].difficulty = 3;  // 1
  rows[1].quality = 1;     // 1/3, but its reward is the largest: 1
  rows[1].reward = 5;
  rows[1].difficulty = 2;  // 2/3
  rows[2].reward = 4;      // 1 of 2 rewards is not above: 1/2
  rows[2].difficulty = 1;  // 1/3
  const auto worth = worth_of(rows);
  EXPECT_DOUBLE_EQ(worth[0], 1.0);
  EXPECT_DOUBLE_EQ(worth[1], 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(worth[2], 0.5 / 3.0);
}

TEST(Difficulty, WhatIsUnknownCountsAsTheMedian) {
  std::vector<Row> rows(4, Row{.dialog = asked("q", "a")});
  EXPECT_EQ(worth_of(rows), std::vector<double>(4, 1.0));
  rows[0].difficulty = 1;
  rows[1].difficulty = 2;
  rows[2].difficulty = 3;
  EXPECT_DOUBLE_EQ(worth_of(rows)[3], 2.0 / 3.0);
  rows[0].intentions = {{"a", "b", "c", "d"}};
  rows[1].intentions = {{"a"}};
  EXPECT_DOUBLE_EQ(worth_of(rows)[0], (1.0 / 3.0 + 1.0) / 2) << "judge and intentions";
}

}  // namespace
}  // namespace drover::curate
