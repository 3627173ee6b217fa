#include "curate/judging.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "curate/dialog_test.h"
#include "judge/scripted_judge_test.h"

namespace drover::curate {
namespace {

TEST(Judging, OnlyWhatIsUnknownIsAskedAndNonsenseStaysUnknown) {
  std::vector<Row> rows = {{.dialog = asked("q", "fine")},
                           {.dialog = asked("q", "fine"), .quality = 1.0},
                           {.dialog = asked("q", "fine"), .capability = "code"},
                           {.dialog = asked("q", "gibberish")}};
  judge::ScriptedModel model([](const std::string& question, std::int64_t) {
    return question.find("gibberish") == std::string::npos ? "1" : "?";
  });
  judge::Judge judge(model);
  EXPECT_EQ(judge_quality(rows, judge), 2);
  EXPECT_EQ(rows[0].quality, 3) << "three criteria";
  EXPECT_EQ(rows[1].quality, 1) << "known before";
  EXPECT_EQ(rows[2].quality, 2) << "two criteria of code";
  EXPECT_EQ(rows[3].quality, std::nullopt);
}

TEST(Judging, DifficultyAndIntentionsAreFilledIn) {
  std::vector<Row> rows = {{.dialog = asked("q", "a")}, {.dialog = asked("q", "a"), .difficulty = 1.0}};
  judge::ScriptedModel rating([](const std::string&, std::int64_t) { return "3"; });
  judge::Judge rater(rating);
  EXPECT_EQ(judge_difficulty(rows, rater), 1);
  EXPECT_EQ(rows[0].difficulty, 3);
  EXPECT_EQ(rows[1].difficulty, 1);
  judge::ScriptedModel tagging(
      [](const std::string&, std::int64_t) { return R"(["Story writing", "story-writing", "rhyme"])"; });
  judge::Judge tagger(tagging);
  EXPECT_EQ(tag_intentions(rows, tagger), 2);
  EXPECT_EQ(rows[0].intentions->size(), 2U);
}

TEST(Judging, AJudgeWithoutOneValidAnswerIsGivenUp) {
  std::vector<Row> rows(30, Row{.dialog = asked("q", "a")});
  judge::ScriptedModel model([](const std::string&, std::int64_t) { return "well"; });
  judge::Judge judge(model);
  EXPECT_THROW(judge_difficulty(rows, judge), base::UserError);
}

}  // namespace
}  // namespace drover::curate
