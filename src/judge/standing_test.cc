#include "judge/standing.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "judge/labelled_sets.h"
#include "judge/scripted_judge_test.h"

namespace drover::judge {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Standing standing_of(std::int64_t right, std::int64_t wrong, std::int64_t ties) {
  const Calibration half{.judge = "j", .pairs = right + wrong + ties, .right = right, .wrong = wrong, .ties = ties};
  return {.sets = {{"first", half}, {"second", half}}};
}

TEST(Standing, CountsAllSetsTogether) {
  // Three right of three: a coin does that in 1 of 8 cases; six of six in 1 of 64.
  EXPECT_FALSE(standing_of(3, 0, 1).sets[0].second.is_above_chance());
  EXPECT_DOUBLE_EQ(standing_of(3, 0, 1).p_value(), 1.0 / 64);
  EXPECT_TRUE(standing_of(3, 0, 1).is_above_chance());
}

TEST(Standing, AJudgeThatDecidesNothingOrHalfIsNotAboveChance) {
  EXPECT_FALSE(standing_of(0, 0, 9).is_above_chance());
  EXPECT_FALSE(standing_of(5, 5, 0).is_above_chance());
  EXPECT_FALSE(standing_of(0, 9, 0).is_above_chance()) << "always wrong";
  EXPECT_FALSE(Standing{}.is_above_chance()) << "never measured";
}

TEST(Standing, SaysOnWhatItRests) {
  EXPECT_THAT(standing_of(3, 0, 1).describe(), AllOf(HasSubstr("above chance on first, second"), HasSubstr("6 of 8 pairs"),
                                                     HasSubstr("right on 6"), HasSubstr("p = 0.0156")));
  EXPECT_THAT(standing_of(0, 0, 1).describe(), HasSubstr("not above chance"));
}

LabelledPair pair(const std::string& better, const std::string& worse) {
  return {.replies = {.prompt = {.messages = {{.sender = chat::Sender::kUser, .content = "Which?"}}},
                      .first = {{.sender = chat::Sender::kAssistant, .content = better}},
                      .second = {{.sender = chat::Sender::kAssistant, .content = worse}}},
          .people = Winner::kFirst};
}

TEST(MeasureStanding, CalibratesOnEachSet) {
  ScriptedModel model([](const std::string& question, std::int64_t) { return question.find("### Answer A\nyes") != std::string::npos ? "A" : "B"; });
  Judge judge(model, {}, {.give_up_after = 0});
  const std::vector<LabelledSet> sets = {{"agrees", {pair("yes", "no"), pair("yes", "never")}}, {"differs", {pair("no", "yes")}}};
  const auto standing = measure_standing(judge, sets);
  ASSERT_EQ(standing.sets.size(), 2U);
  EXPECT_EQ(standing.sets[0].second.right, 2);
  EXPECT_EQ(standing.sets[1].second.wrong, 1);
  EXPECT_DOUBLE_EQ(standing.p_value(), 0.5);  // at least 2 of 3: (3 + 1) / 8
  EXPECT_EQ(standing.to_json()[1]["set"], "differs");
}

TEST(LabelledSets, AreTheShippedPartsWithoutAFolder) {
  for (const auto name : labelled_set_names()) EXPECT_GE(read_labelled_set(name).size(), 60U) << name;
}

TEST(LabelledSets, OfAFolderAllFilesAreRead) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / "drover-labelled-sets";
  std::filesystem::create_directories(folder / "llmbar");
  const std::string row = R"({"input": "q", "output_1": "a", "output_2": "b", "label": 2})" "\n";
  std::ofstream(folder / "llmbar" / "one.jsonl") << row << row;
  std::ofstream(folder / "llmbar" / "two.jsonl") << row;
  EXPECT_EQ(read_labelled_set("llmbar", folder).size(), 3U);
  EXPECT_THROW(read_labelled_set("pandalm", folder), base::UserError) << "the folder has none";
  std::filesystem::remove_all(folder);
}

TEST(LabelledSets, AnUnknownNameIsAnsweredWithTheKnownOnes) {
  try {
    read_labelled_set("pandaml");
    FAIL() << "not refused";
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("\"pandaml\""), HasSubstr("did you mean \"pandalm\""), HasSubstr("there are pandalm, llmbar")));
  }
}

}  // namespace
}  // namespace drover::judge
