#include "judge/calibration.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "judge/scripted_judge_test.h"

namespace drover::judge {
namespace {

using ::testing::HasSubstr;

LabelledPair pair(const std::string& question, Winner people) {
  return {.replies = {.prompt = {.messages = {{.sender = chat::Sender::kUser, .content = question}}},
                      .first = {{.sender = chat::Sender::kAssistant, .content = "one"}},
                      .second = {{.sender = chat::Sender::kAssistant, .content = "two"}}},
          .people = people};
}

// Which letter shows the reply "one".
std::string letter_of_one(const std::string& question) {
  return question.find("### Answer A\none") != std::string::npos ? "A" : "B";
}
std::string letter_of_two(const std::string& question) { return letter_of_one(question) == "A" ? "B" : "A"; }

PairwiseVerdict verdict_by(const ScriptedModel::Answer& answer, bool allow_tie = false) {
  ScriptedModel model(answer);
  Judge judge(model, {}, {.give_up_after = 0});
  const std::vector<ReplyPair> pairs = {pair("q", Winner::kTie).replies};
  return compare_pairs(judge, pairs, {.allow_tie = allow_tie}).at(0);
}

TEST(ComparePairs, PrefersWhatBothOrdersPrefer) {
  const auto verdict = verdict_by([](const std::string& question, std::int64_t) { return letter_of_two(question); });
  EXPECT_EQ(verdict.winner, Winner::kSecond);
  EXPECT_TRUE(verdict.is_unanimous);
  EXPECT_DOUBLE_EQ(verdict.probability_first, 0);
  EXPECT_EQ(verdict.num_shown_first, 1);
}

TEST(ComparePairs, AJudgeThatLooksAtThePositionSaysNothing) {
  const auto verdict = verdict_by([](const std::string&, std::int64_t) { return "A"; });
  EXPECT_EQ(verdict.winner, Winner::kTie);
  EXPECT_TRUE(verdict.is_contradiction);
  EXPECT_TRUE(verdict.is_valid);
  EXPECT_DOUBLE_EQ(verdict.probability_first, 0.5);
  EXPECT_EQ(verdict.num_shown_first, 2);
}

TEST(ComparePairs, ATieInOneOrderLeavesThePreferenceOfTheOther) {
  const auto verdict = verdict_by(
      [](const std::string& question, std::int64_t) { return letter_of_one(question) == "A" ? "A" : "C"; }, true);
  EXPECT_EQ(verdict.winner, Winner::kFirst);
  EXPECT_FALSE(verdict.is_unanimous);
  EXPECT_DOUBLE_EQ(verdict.probability_first, 0.75);
}

TEST(ComparePairs, AnInvalidAnswerInOneOrderLeavesNoVerdict) {
  const auto verdict = verdict_by(
      [](const std::string& question, std::int64_t) { return letter_of_one(question) == "A" ? "A" : "C"; });
  EXPECT_FALSE(verdict.is_valid);
  EXPECT_EQ(verdict.winner, Winner::kTie);
}

// 12 pairs; people prefer the first reply of the even ones, the second of the odd ones.
std::vector<LabelledPair> twelve_pairs() {
  std::vector<LabelledPair> pairs;
  for (int i = 0; i < 12; ++i) pairs.push_back(pair(i % 2 == 0 ? "even" : "odd", i % 2 == 0 ? Winner::kFirst : Winner::kSecond));
  return pairs;
}

Calibration calibration_of(const ScriptedModel::Answer& answer, const std::vector<LabelledPair>& pairs) {
  ScriptedModel model(answer);
  Judge judge(model, {}, {.give_up_after = 0});
  return calibrate(judge, pairs);
}

TEST(Calibration, AJudgeThatAgreesWithPeopleIsAboveChance) {
  const auto calibration = calibration_of(
      [](const std::string& question, std::int64_t) {
        return question.find("even") != std::string::npos ? letter_of_one(question) : letter_of_two(question);
      },
      twelve_pairs());
  EXPECT_EQ(calibration.right, 12);
  EXPECT_NEAR(calibration.p_value(), 1.0 / 4096, 1e-12);
  EXPECT_TRUE(calibration.is_above_chance());
  EXPECT_DOUBLE_EQ(calibration.position_bias(), 0.5);
  EXPECT_NEAR(calibration.accuracy_interval().low, 0.7575, 5e-4);  // Wilson: n / (n + z^2)
}

TEST(Calibration, AJudgeThatAlwaysPrefersOneReplyIsAtChance) {
  const auto calibration =
      calibration_of([](const std::string& question, std::int64_t) { return letter_of_one(question); }, twelve_pairs());
  EXPECT_EQ(calibration.right, 6);
  EXPECT_EQ(calibration.wrong, 6);
  EXPECT_FALSE(calibration.is_above_chance());
}

TEST(Calibration, AJudgeThatAlwaysPrefersThePositionDecidesNothing) {
  const auto calibration = calibration_of([](const std::string&, std::int64_t) { return "B"; }, twelve_pairs());
  EXPECT_EQ(calibration.ties, 12);
  EXPECT_EQ(calibration.contradictions, 12);
  EXPECT_DOUBLE_EQ(calibration.position_bias(), 0);
  EXPECT_FALSE(calibration.is_above_chance());
  EXPECT_DOUBLE_EQ(calibration.p_value(), 1);
}

TEST(Calibration, AJudgeThatNeverAnswersIsAResult) {
  const auto calibration = calibration_of([](const std::string&, std::int64_t) { return "both are fine"; }, twelve_pairs());
  EXPECT_DOUBLE_EQ(calibration.invalid_share(), 1);
  EXPECT_FALSE(calibration.is_above_chance());
  EXPECT_THAT(calibration.describe(), HasSubstr("not above chance"));
}

TEST(Calibration, LeavesOutWhatPeopleCallATie) {
  auto pairs = twelve_pairs();
  pairs.push_back(pair("q", Winner::kTie));
  const auto calibration = calibration_of([](const std::string&, std::int64_t) { return "A"; }, pairs);
  EXPECT_EQ(calibration.pairs, 12);
  EXPECT_EQ(calibration.people_tie, 1);
}

TEST(Calibration, SurvivesJson) {
  const auto calibration =
      calibration_of([](const std::string& question, std::int64_t) { return letter_of_one(question); }, twelve_pairs());
  const auto json = calibration.to_json();
  EXPECT_EQ(Calibration::from_json(json).to_json(), json);
  auto wrong = json;
  wrong["right"] = 7;
  EXPECT_THROW(Calibration::from_json(wrong), base::UserError);
  EXPECT_THROW(Calibration::from_json(chat::Json::array()), base::UserError);
}

chat::Json pandalm_row(int one, int two, int three) {
  return {{"instruction", "Say it"}, {"input", "x"}, {"response1", "a"}, {"response2", "b"}, {"annotator1", one}, {"annotator2", two}, {"annotator3", three}};
}

TEST(LabelledPairs, ThreePeopleDecideByMajority) {
  EXPECT_EQ(labelled_pair_from_json(pandalm_row(1, 1, 2)).people, Winner::kFirst);
  EXPECT_EQ(labelled_pair_from_json(pandalm_row(2, 0, 2)).people, Winner::kSecond);
  EXPECT_EQ(labelled_pair_from_json(pandalm_row(0, 0, 1)).people, Winner::kTie);
  EXPECT_EQ(labelled_pair_from_json(pandalm_row(0, 1, 2)).people, Winner::kTie);
  EXPECT_EQ(labelled_pair_from_json(pandalm_row(1, 1, 1)).replies.prompt.messages[0].content, "Say it\n\nx");
}

TEST(LabelledPairs, TheShippedOnesAreRead) {
  for (const auto* name : {"pandalm", "llmbar"}) {
    const auto pairs = read_labelled_pairs(std::string(DROVER_SOURCE_FOLDER "/data/judge/") + name + ".jsonl");
    EXPECT_GE(pairs.size(), 60U) << name;
  }
}

std::string refusal(const std::string& line) {
  const auto file = std::filesystem::path(::testing::TempDir()) / "drover-pairs.jsonl";
  std::ofstream(file) << "\n" << line << "\n";
  try {
    read_labelled_pairs(file);
  } catch (const base::UserError& error) {
    return error.what();
  }
  return "no refusal";
}

TEST(LabelledPairs, BadOnesAreRefusedWithTheirLine) {
  EXPECT_THAT(refusal("{"), HasSubstr("line 2: not JSON"));
  EXPECT_THAT(refusal("[]"), HasSubstr("line 2: it is not a JSON object"));
  EXPECT_THAT(refusal("{}"), HasSubstr("neither \"annotator1\""));
  EXPECT_THAT(refusal(pandalm_row(1, 3, 1).dump()), HasSubstr("\"annotator2\" is 3, not 0, 1 or 2"));
  EXPECT_THAT(refusal(R"({"input":"q","output_1":"a","output_2":"b","label":0})"), HasSubstr("\"label\" is 0, not 1 or 2"));
  EXPECT_THAT(refusal(R"({"input":"q","output_1":"a","label":1})"), HasSubstr("it lacks \"output_2\""));
  EXPECT_THAT(refusal(R"({"input":["q"],"output_1":"a","output_2":"b","label":1})"), HasSubstr("\"input\" is not a text"));
  EXPECT_THAT(refusal(""), HasSubstr("holds no pairs"));
}

TEST(LabelledPairs, ASampleIsSpreadOverTheList) {
  std::vector<LabelledPair> pairs;
  for (int i = 0; i < 10; ++i) pairs.push_back(pair(std::to_string(i), Winner::kFirst));
  const auto some = spread_sample(pairs, 3);
  ASSERT_EQ(some.size(), 3U);
  EXPECT_EQ(some[0].replies.prompt.messages[0].content, "0");
  EXPECT_EQ(some[2].replies.prompt.messages[0].content, "6");
  EXPECT_EQ(spread_sample(pairs, 99).size(), 10U);
}

}  // namespace
}  // namespace drover::judge
