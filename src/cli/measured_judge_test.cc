// `drover curate --judge`: only a judge that agrees with people beyond chance has a say about quality.
#include "cli/measured_judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/train_process_test.h"
#include "judge/scripted_judge_test.h"

namespace drover::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// Pairs of which people prefer "yes", and a judge that prefers `liked` wherever it stands.
class JudgeOfAnswers : public testing::Test {
 protected:
  JudgeOfAnswers() {
    std::vector<judge::LabelledPair> pairs;
    const auto reply = [](const std::string& text) { return std::vector<chat::Message>{{.sender = chat::Sender::kAssistant, .content = text}}; };
    for (int i = 0; i < 5; ++i) {  // a coin is right on all five in 1 of 32 cases, below 5%
      chat::Dialog prompt{.messages = {{.sender = chat::Sender::kUser, .content = "Question " + std::to_string(i)}}};
      pairs.push_back({.replies = {.prompt = std::move(prompt), .first = reply("yes"), .second = reply("no")}, .people = judge::Winner::kFirst});
    }
    sets_.push_back({"five", std::move(pairs)});
  }

  MeasuredJudge measure(const std::string& liked, const JudgeRequest& request) {
    judge::ScriptedModel model([&](const std::string& question, std::int64_t) {
      return question.find("### Answer A\n" + liked) != std::string::npos ? "A" : "B";
    });
    ProgressLine progress;
    testing::internal::CaptureStderr();
    auto measured = measure_judge(model, {}, request, sets_, progress);
    said_ = testing::internal::GetCapturedStderr();
    return measured;
  }

  std::vector<judge::LabelledSet> sets_;
  std::string said_;
};

TEST_F(JudgeOfAnswers, ThatAgreesWithPeopleCounts) {
  EXPECT_TRUE(measure("yes", {.model = "m"}).counts());
  EXPECT_THAT(said_, HasSubstr("The judge 'm' is above chance on five: it decides 5 of 5 pairs and is right on 5 of these, p = 0.031"));
  EXPECT_THAT(said_, Not(HasSubstr("no say")));
}

TEST_F(JudgeOfAnswers, ThatDisagreesHasNoSay) {
  EXPECT_FALSE(measure("no", {.model = "m"}).counts());
  EXPECT_THAT(said_, AllOf(HasSubstr("not above chance"), HasSubstr("no say about quality")));
}

TEST_F(JudgeOfAnswers, ThatLooksAtThePositionHasNoSayUnlessForced) {
  EXPECT_FALSE(measure("whatever it says", {.model = "m"}).counts()) << "always B";
  EXPECT_TRUE(measure("whatever it says", {.model = "m", .is_forced = true}).counts());
  EXPECT_THAT(said_, AllOf(HasSubstr("not above chance"), HasSubstr("count all the same")));
}

TEST(CalibrationSets, AreTheShippedPartsUnlessOthersAreNamed) {
  const auto sets = calibration_sets({.model = "m"});
  ASSERT_EQ(sets.size(), 2U);
  EXPECT_EQ(sets[0].name, "pandalm");
  EXPECT_EQ(sets[1].name, "llmbar");
  for (const auto& set : sets) EXPECT_EQ(set.pairs.size(), 40U);
  const TemporaryFolder folder;
  const auto file = folder.write("pairs.jsonl", R"({"input": "q", "output_1": "a", "output_2": "b", "label": 2})" "\n");
  EXPECT_EQ(calibration_sets({.model = "m", .calibration = {file}}).at(0).pairs.at(0).people, judge::Winner::kSecond);
  EXPECT_GE(calibration_sets({.model = "m", .pairs = 0}).at(1).pairs.size(), 60U) << "all";
}

/// The judge is a model of random weights, and on four pairs even the best judge could be a coin (1 of 16).
class CurateByJudge : public Train {
 protected:
  void SetUp() override {
    Train::SetUp();
    if (IsSkipped()) return;
    folder_.write("rows.jsonl", dialog("Name a colour.", "blue", {{"reward", 1}}) + dialog("Name a river.", "The Nile.", {{"reward", 0}}));
    std::string pairs;
    for (int i = 0; i < 4; ++i) pairs += json{{"input", "q"}, {"output_1", "a"}, {"output_2", "b"}, {"label", 1}}.dump() + "\n";
    folder_.write("pairs.jsonl", pairs);
  }

  ProcessResult curate(const std::string& more) const {
    return run_script("drover curate rows.jsonl -o out.jsonl --judge start --calibration pairs.jsonl --threads 1 " + more, folder_);
  }

  std::vector<json> kept() const { return objects_of(read_whole(folder_.path() / "out.jsonl")); }
};

TEST_F(CurateByJudge, AtChanceItLeavesTheQualityUnionWithOneSentence) {
  const auto result = curate("--quality --reward-share 0.5 --json");
  ASSERT_EQ(result.status, 0) << result.errors;
  EXPECT_THAT(result.errors, AllOf(HasSubstr("The judge 'start' is not above chance on pairs.jsonl"), HasSubstr("no say about quality"),
                                   HasSubstr("--force-judge")));
  ASSERT_EQ(kept().size(), 1U) << "by its reward alone";
  EXPECT_FALSE(kept()[0].contains("quality"));
  EXPECT_TRUE(kept()[0].contains("difficulty")) << "what is no judgement of quality is still asked";
  const auto summary = json::parse(result.output);
  EXPECT_EQ(summary.at("judge").at("counts"), false);
  EXPECT_EQ(summary.at("judge").at("calibrations")[0].at("set"), "pairs.jsonl");
}

TEST_F(CurateByJudge, ForcedItsPointsCount) {
  const auto result = curate("--force-judge");
  ASSERT_EQ(result.status, 0) << result.errors;
  ASSERT_EQ(kept().size(), 2U);
  for (const auto& row : kept()) EXPECT_TRUE(row.contains("quality"));
}

TEST_F(CurateByJudge, RowsThatHavePointsNeedNoMeasurement) {
  folder_.write("rows.jsonl", dialog("Name a colour.", "blue", {{"quality", 3}}));
  const auto result = curate("--quality");
  ASSERT_EQ(result.status, 0) << result.errors;
  EXPECT_THAT(result.errors, Not(HasSubstr("above chance")));
  EXPECT_EQ(kept().at(0).at("quality"), 3.0);
}

TEST(CurateJudgeOptions, MistakesAreOneSentence) {
  const TemporaryFolder folder;
  folder.write("rows.jsonl", dialog("a?", "A."));
  folder.write("pairs.jsonl", "{\"label\": 1}\n");
  const auto bad_row = run_script("drover curate rows.jsonl -o out.jsonl --judge some-model --calibration pairs.jsonl", folder);
  EXPECT_EQ(bad_row.status, 1);
  EXPECT_EQ(bad_row.num_error_lines(), 1) << bad_row.errors;
  EXPECT_THAT(bad_row.errors, HasSubstr("pairs.jsonl, line 1: it lacks \"input\""));
  const auto missing = run_script("drover curate rows.jsonl -o out.jsonl --judge some-model --calibration pandaml", folder);
  EXPECT_EQ(missing.status, 1);
  EXPECT_THAT(missing.errors, HasSubstr("pandaml"));
  const auto none = run_script("drover curate rows.jsonl -o out.jsonl --force-judge", folder);
  EXPECT_EQ(none.status, 1);
  EXPECT_THAT(none.errors, HasSubstr("--judge MODEL"));
}

}  // namespace
}  // namespace drover::cli
