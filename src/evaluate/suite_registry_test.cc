#include "evaluate/suite_registry.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "base/error.h"
#include "evaluate/answer_instruction.h"
#include "verify/checker.h"

namespace drover::evaluate {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::filesystem::path kShipped = std::filesystem::path(DROVER_SOURCE_FOLDER) / "data/suites";

std::string refusal(const std::string& name, const std::filesystem::path& data) {
  try {
    load_suite(name, data);
  } catch (const base::UserError& error) {
    return error.what();
  }
  return "no refusal";
}

class Folder {
 public:
  Folder() : path_(std::filesystem::path(::testing::TempDir()) / fmt::format("drover-suites-{}", getpid())) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
  }

 private:
  std::filesystem::path path_;
};

TEST(SuiteRegistry, EveryShippedSuiteLoadsAndItsAnswersSuitItsChecker) {
  for (const auto& known : known_suites()) {
    if (!known.ships) continue;
    const auto suite = load_suite(std::string(known.name), kShipped);
    EXPECT_GE(suite.prompts.size(), 30U) << known.name;
    for (const auto& prompt : suite.prompts) {
      EXPECT_EQ(prompt.tags.at(0), known.capability);
      EXPECT_EQ(prompt.source, known.source);
      EXPECT_EQ(prompt.licence, known.licence);
      EXPECT_NO_THROW(verify::make_checker(prompt.checker)->check("0", prompt.expected)) << prompt.expected;
    }
  }
}

TEST(SuiteRegistry, RowsBecomePromptsOfAChat) {
  const Folder data;
  data.write("arithmetic/simple_arithmetic.jsonl", R"({"context": "25 - 759 =", "continuation": " -734"})" "\n");
  data.write("aqua/dev.jsonl", R"({"question": "Which?", "options": ["A)1", "B)2"], "rationale": "", "correct": "B"})" "\n");
  data.write("arc/arc_easy.jsonl", R"({"choices": ["Sun", "Moon"], "query": "Question: What shines?", "gold": 0})" "\n");
  data.write("triviaqa/triviaqa_sm_sub.jsonl", R"({"context": "Question: Who?\nAnswer:", "answer": "The Beatles", "aliases": ["Beatles", "Fab Four"]})" "\n");
  data.write("svamp/svamp.jsonl", R"({"ID": "x", "Body": "Ann has 3 pens", "Question": "How many?", "Equation": "3", "Answer": 3.0, "Type": "Sum"})" "\n");
  const auto only = [&](const std::string& name) { return load_suite(name, data.path()).prompts.at(0); };
  EXPECT_EQ(only("arithmetic").dialog.messages.at(0).content, "What is 25 - 759? Answer with the number alone.");
  EXPECT_TRUE(verify::make_checker("numeric")->check("-734", only("arithmetic").expected).is_right());
  EXPECT_THAT(only("aqua").dialog.messages.at(0).content, StartsWith("Which?\nA)1\nB)2\n"));
  EXPECT_EQ(only("aqua").expected, "B");
  EXPECT_THAT(only("arc").dialog.messages.at(0).content, StartsWith("What shines?\nA. Sun\nB. Moon\n"));
  EXPECT_EQ(only("arc").expected, "A");
  EXPECT_THAT(only("triviaqa").dialog.messages.at(0).content, StartsWith("Who?\n"));
  EXPECT_EQ(only("triviaqa").expected, "The Beatles\nFab Four") << "an alias that is equal after normalisation adds nothing";
  EXPECT_THAT(only("svamp").dialog.messages.at(0).content, StartsWith("Ann has 3 pens. How many?\n"));
}

TEST(SuiteRegistry, FunctionCallsKeepTheirSchemasAndAnswers) {
  const auto suite = load_suite("bfcl", kShipped);
  std::set<std::string> categories;
  for (const auto& prompt : suite.prompts) {
    categories.insert(prompt.tags.at(1));
    EXPECT_EQ(prompt.dialog.messages.front().sender, chat::Sender::kSystem);
    EXPECT_EQ(prompt.dialog.messages.back().sender, chat::Sender::kUser);
  }
  EXPECT_EQ(categories, (std::set<std::string>{"simple_python", "simple_java", "simple_javascript", "multiple", "parallel", "parallel_multiple", "irrelevance"}));
}

TEST(SuiteRegistry, TheSplitOfGsm8kHasTwoSidesWithoutCommonQuestions) {
  const auto suite = load_suite("gsm8k", kShipped);
  const auto training = training_prompts("gsm8k", kShipped);
  EXPECT_EQ(suite.prompts.size(), 60U);
  EXPECT_EQ(training.size(), 40U);
  std::set<std::string> held_out;
  for (const auto& prompt : suite.prompts) held_out.insert(prompt.dialog.messages.back().content);
  for (const auto& prompt : training) EXPECT_FALSE(held_out.contains(prompt.dialog.messages.back().content));
  EXPECT_THROW(training_prompts("mmlu", kShipped), base::UserError);
}

TEST(SuiteRegistry, AFileOrFolderOfPromptsIsASuiteToo) {
  const Folder data;
  data.write("mine/a.jsonl", R"({"messages":[{"role":"user","content":"3+4"}],"checker":"numeric","expected":7})" "\n");
  data.write("mine/b.jsonl", R"({"messages":[{"role":"user","content":"3+5"}],"checker":"numeric","expected":8})" "\n");
  data.write("open.jsonl", R"({"messages":[{"role":"user","content":"Tell me a story."}]})" "\n");
  EXPECT_EQ(load_suite((data.path() / "mine").string(), kShipped).prompts.size(), 2U);
  EXPECT_EQ(load_suite((data.path() / "mine/a.jsonl").string(), kShipped).name, "a");
  EXPECT_THAT(refusal((data.path() / "open.jsonl").string(), kShipped), HasSubstr("open.jsonl, line 1: the prompt has no \"checker\""));
  EXPECT_THAT(refusal("gsm9k", kShipped), HasSubstr("did you mean \"gsm8k\""));
  EXPECT_THAT(refusal("arc", kShipped), HasSubstr("does not ship"));
  data.write("svamp/svamp.jsonl", "{\"Body\": 3}\n");
  EXPECT_THAT(refusal("svamp", data.path()), HasSubstr("svamp.jsonl, line 1: \"Body\" must be a text"));
  data.write("aqua/dev.jsonl.gz", "no gzip data at all, but text: zlib hands it through");
  EXPECT_THAT(refusal("aqua", data.path()), HasSubstr("not JSON"));
}

TEST(SuiteRegistry, AQuestionIsKnownWithoutTheInstructionBehindIt) {
  EXPECT_EQ(question_alone("What is 2 + 3?\n\nAnswer with the letter alone."), "What is 2 + 3?");
  EXPECT_EQ(question_alone("What is 2 + 3?"), "What is 2 + 3?");
  for (const auto* name : {"gsm8k", "svamp", "aqua", "mmlu", "triviaqa"}) {
    for (const auto& prompt : load_suite(name, kShipped).prompts) {
      const auto& asked = prompt.dialog.messages.back().content;
      EXPECT_LT(question_alone(asked).size(), asked.size()) << name;
    }
  }
}

}  // namespace
}  // namespace drover::evaluate
