#include "evaluate/suite.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "evaluate/scripted_generator_test.h"
#include "evaluate/suite_prompts.h"

namespace drover::evaluate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class SuiteTest : public ::testing::Test {
 protected:
  SuiteTest() : folder_(std::filesystem::path(::testing::TempDir()) / fmt::format("drover-suite-{}", getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~SuiteTest() override { std::filesystem::remove_all(folder_); }

  std::string refusal(const std::string& lines) const {
    std::ofstream(folder_ / "prompts.jsonl") << lines;
    try {
      read_prompts(folder_ / "prompts.jsonl", "test", "");
    } catch (const base::UserError& error) {
      return error.what();
    }
    return "no refusal";
  }

  std::filesystem::path folder_;
};

TEST_F(SuiteTest, CountsRightAnswersAndChecksACutOneAsItStands) {
  ledger::Ledger ledger(folder_ / "ledger.sqlite", ledger::Ledger::OpenMode::kCreate);
  ScriptedGenerator model("m", [](const std::string& asked, std::int64_t) {
    return asked == "1+1" ? "2" : asked == "2+2" ? "4..." : asked == "3+3" ? "9..." : "9";
  });
  const Suite suite{"sums", {question("1+1", "2"), question("2+2", "4"), question("3+3", "6"), question("4+4", "8")}};
  const auto score = score_on(suite, {&model, "tokenizer"}, {.stage = "key", .sampling = {}}, ledger);
  EXPECT_THAT(score.is_right, ElementsAre(true, true, false, false));
  EXPECT_DOUBLE_EQ(score.accuracy, 0.5);
  const auto metric = ledger.metrics_of("key").at(0);
  EXPECT_EQ(metric.subject, "sums m");
  EXPECT_EQ(metric.low, score.interval.low);
  std::vector<std::string> reasons;
  for (const auto id : ledger.generations_of("key")) reasons.push_back(ledger.checked_answers_of(id).at(0).reason);
  EXPECT_THAT(reasons, ElementsAre(Not(StartsWith("cut; ")), StartsWith("cut; "), StartsWith("cut; "), Not(StartsWith("cut; "))));
}

TEST_F(SuiteTest, ReadsPromptsWithTheirAnswers) {
  std::ofstream(folder_ / "prompts.jsonl")
      << R"({"messages":[{"role":"user","content":"3+4"}],"checker":"numeric","expected":7,"tags":["sum"],"difficulty":0.5})"
      << "\n\n"
      << R"({"messages":[{"role":"user","content":"Tell me a story."}]})" << "\n";
  const auto prompts = read_prompts(folder_ / "prompts.jsonl", "mine", "CC0-1.0");
  ASSERT_EQ(prompts.size(), 2U);
  EXPECT_EQ(prompts[0].expected, "7");
  EXPECT_THAT(prompts[0].tags, ElementsAre("sum"));
  EXPECT_EQ(prompts[0].difficulty, 0.5);
  EXPECT_EQ(prompts[1].source, "mine");
  EXPECT_TRUE(prompts[1].checker.empty());
}

TEST_F(SuiteTest, APromptInWhichTheUserSaysNothingIsRefusedWithItsLine) {
  const std::string good = R"({"messages":[{"role":"user","content":"3+4"}]})";
  for (const std::string blank : {"", "  \\n", "\\t"}) {
    EXPECT_THAT(refusal(good + "\n" + R"({"messages":[{"role":"user","content":")" + blank + "\"}]}\n"),
                HasSubstr("prompts.jsonl, line 2: a message of the user is empty"));
  }
}

TEST_F(SuiteTest, APromptThatComesAgainWithOtherTagsIsRefused) {
  EXPECT_THAT(refusal(R"({"messages": [{"role": "user", "content": "1+1"}], "tags": ["sum"]}
{"messages": [{"role": "user", "content": "1+1"}], "tags": ["addition"], "difficulty": 0.5})"),
              HasSubstr("line 2: the same prompt stands in an earlier line"));
}

TEST_F(SuiteTest, APromptOfASuiteNeedsAChecker) {
  std::ofstream(folder_ / "suite.jsonl") << R"({"messages":[{"role":"user","content":"3+4"}],"checker":"numeric","expected":"7"})"
                                         << "\n" << R"({"messages":[{"role":"user","content":"Hello"}]})" << "\n";
  EXPECT_EQ(read_prompts(folder_ / "suite.jsonl", "test", "").size(), 2U);
  try {
    read_suite_prompts(folder_ / "suite.jsonl", "test", "");
    ADD_FAILURE() << "not refused";
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("suite.jsonl, line 2: the prompt has no \"checker\""));
  }
}

TEST_F(SuiteTest, RefusesBadPromptsWithTheirLine) {
  const std::string good = R"({"messages":[{"role":"user","content":"3+4"}],"checker":"numeric","expected":"7"})";
  EXPECT_THAT(refusal("{\"messages\""), HasSubstr("line 1: not JSON"));
  const std::string brackets = std::string(200'000, '[') + std::string(200'000, ']');
  EXPECT_THAT(refusal(R"({"messages": [{"role": "user", "content": )" + brackets + "}]}"), HasSubstr("nests deeper than 100 levels"));
  EXPECT_THAT(refusal(good + "\n" + good), HasSubstr("line 2: the same prompt"));
  EXPECT_THAT(refusal(R"({"messages":[{"role":"user","content":"x"}],"checker":"numerical","expected":"7"})"),
              HasSubstr("no checker named 'numerical'"));
  EXPECT_THAT(refusal(R"({"messages":[{"role":"user","content":"x"}],"checker":"numeric"})"),
              HasSubstr("come together"));
  EXPECT_THAT(refusal(R"({"messages":[{"role":"user","content":"x"}],"checker":"numeric","expected":"seven"})"),
              HasSubstr("holds no number"));
  EXPECT_THAT(refusal(R"({"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y"}]})"),
              HasSubstr("must end with a message of the user"));
  EXPECT_THAT(refusal(R"({"messages":[{"role":"user","content":"x"}],"difficulty":3})"), HasSubstr("from 0 to 1"));
  EXPECT_THAT(refusal("\n"), HasSubstr("holds no prompts"));
}

}  // namespace
}  // namespace drover::evaluate
