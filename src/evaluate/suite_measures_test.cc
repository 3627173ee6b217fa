#include "evaluate/suite_measures.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "base/error.h"
#include "evaluate/reply_file.h"
#include "evaluate/suite_prompt.h"
#include "verify/exact_answer.h"

namespace drover::evaluate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

SuiteReply said(const std::string& text, bool is_cut = false) {
  chat::Message message;
  message.sender = chat::Sender::kAssistant;
  message.content = text;
  if (is_cut) message.ending = chat::Ending::kCut;
  return {{message}, is_cut};
}

double value_of(const SuiteResult& result, const std::string& name) {
  for (const auto& measure : result.measures) {
    if (measure.name == name) return measure.value;
  }
  ADD_FAILURE() << "no measure " << name;
  return -1;
}

TEST(SuiteMeasures, AccuracyHasWilsonsInterval) {
  const Suite suite{"sums", {asked("1+1", "numeric", "2", {"maths"}), asked("2+2", "numeric", "4", {"maths"})}};
  const auto result = measure(suite, {said("2"), said("5", true)});
  EXPECT_THAT(result.is_right, ElementsAre(true, false));
  EXPECT_EQ(result.measures.at(0).name, "accuracy");
  EXPECT_DOUBLE_EQ(result.score(), 0.5);
  EXPECT_DOUBLE_EQ(result.measures.at(0).interval->low, wilson_interval(1, 2).low);
  EXPECT_EQ(result.num_cut, 1);
  EXPECT_EQ(result.doubt(), "");
}

TEST(SuiteMeasures, IfevalHasFourSharesAndTheirMean) {
  const std::string two = R"({"instruction_id_list":["punctuation:no_comma","detectable_format:title"],"kwargs":[{},{}]})";
  const std::string one = R"({"instruction_id_list":["detectable_format:json_format"],"kwargs":[{}]})";
  const Suite suite{"ifeval", {asked("a", "ifeval", two, {"i"}), asked("b", "ifeval", one, {"i"})}};
  // The first follows one of two; the second is JSON once its first line is dropped.
  const auto result = measure(suite, {said("no comma no title"), said("Here:\n[1]")});
  EXPECT_DOUBLE_EQ(value_of(result, "prompts, strict"), 0.0);
  EXPECT_DOUBLE_EQ(value_of(result, "instructions, strict"), 1.0 / 3);
  EXPECT_DOUBLE_EQ(value_of(result, "prompts, loose"), 0.5);
  EXPECT_DOUBLE_EQ(value_of(result, "instructions, loose"), 2.0 / 3);
  EXPECT_DOUBLE_EQ(result.score(), (0 + 1.0 / 3 + 0.5 + 2.0 / 3) / 4);
}

TEST(SuiteMeasures, MmluAveragesOverSubjects) {
  const Suite suite{"mmlu", {asked("a", "choice", "A", {"k", "law"}), asked("b", "choice", "A", {"k", "law"}), asked("c", "choice", "A", {"k", "art"})}};
  const auto result = measure(suite, {said("A"), said("B"), said("A")});
  EXPECT_DOUBLE_EQ(result.score(), (0.5 + 1.0) / 2);
  EXPECT_DOUBLE_EQ(value_of(result, "accuracy"), 2.0 / 3);
}

TEST(SuiteMeasures, BfclHasASharePerCategory) {
  const std::string none = R"({"category":"irrelevance"})";
  const std::string call = R"({"category":"simple","functions":[{"name":"f","parameters":{}}],"answer":[{"f":{}}]})";
  const Suite suite{"bfcl",
                    {asked("a", "bfcl", call, {"t", "simple_python"}), asked("b", "bfcl", call, {"t", "simple_java"}),
                     asked("c", "bfcl", call, {"t", "multiple"}), asked("d", "bfcl", none, {"t", "irrelevance"})}};
  const auto result = measure(suite, {said("[f()]"), said("f"), said("[f()]"), said("No.")});
  EXPECT_EQ(result.measures.at(0).name, "overall");
  EXPECT_DOUBLE_EQ(result.score(), 0.75);
  EXPECT_DOUBLE_EQ(value_of(result, "mean of the tree categories"), (0.5 + 1.0) / 2);
  EXPECT_DOUBLE_EQ(value_of(result, "simple_java"), 0.0);
}

TEST(SuiteMeasures, ExactAnswersHaveSquadsF1) {
  const Suite suite{"t", {asked("a", "exact", "The Eiffel Tower\nLa tour Eiffel", {"f"})}};
  const auto result = measure(suite, {said("It is the Eiffel Tower.")});
  EXPECT_DOUBLE_EQ(result.score(), 0.0);
  // Words "it is eiffel tower" and "eiffel tower": precision 2/4, recall 1.
  EXPECT_DOUBLE_EQ(value_of(result, "F1"), 2 * 0.5 * 1 / 1.5);
  EXPECT_DOUBLE_EQ(verify::answer_f1("", "x"), 0.0);
  EXPECT_DOUBLE_EQ(verify::answer_f1("x x y", "x y y"), 2.0 * 2 / 6);
}

TEST(SuiteMeasures, SayWhenAModelAnswersNothing) {
  const Suite suite{"sums", {asked("1+1", "numeric", "2", {"maths"}), asked("2+2", "numeric", "4", {"maths"})}};
  EXPECT_THAT(measure(suite, {said(""), said(" \n")}).doubt(), HasSubstr("every reply is empty"));
  EXPECT_THAT(measure(suite, {said("one", true), said("two", true)}).doubt(), HasSubstr("every reply was cut"));
  EXPECT_THAT(measure(suite, {said("", true), said("")}).doubt(), HasSubstr("every reply is empty"));
  EXPECT_THAT(measure(suite, {said("well"), said("hm")}).doubt(), HasSubstr("no reply holds an answer"));
}

class ReplyFileTest : public ::testing::Test {
 protected:
  ReplyFileTest() : path_(std::filesystem::path(::testing::TempDir()) / fmt::format("drover-replies-{}.jsonl", getpid())) { std::filesystem::remove(path_); }
  ~ReplyFileTest() override { std::filesystem::remove(path_); }
  std::filesystem::path path_;
};

TEST_F(ReplyFileTest, KeepsWhatWasRecordedAndDropsAHalfLine) {
  const auto prompt = asked("1+1", "numeric", "2", {});
  {
    ReplyFile file(path_);
    file.record("sums", ledger::id_of(prompt), "run", "m", said("2", true), verdict_on(prompt, said("2")));
    EXPECT_THROW(ReplyFile second(path_), base::UserError);
  }
  std::ofstream(path_, std::ios::app) << R"({"suite": "sums", "prom)";
  {
    const ReplyFile file(path_);
    const auto found = file.find("sums", ledger::id_of(prompt), "run");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->messages.at(0).content, "2");
    EXPECT_TRUE(found->is_cut);
    EXPECT_FALSE(file.find("sums", ledger::id_of(prompt), "other run"));
    EXPECT_FALSE(file.find("sums", ledger::id_of(asked("1+2", "numeric", "3", {})), "run"));
  }
  std::ifstream in(path_);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  EXPECT_TRUE(text.ends_with("}\n"));
}

TEST_F(ReplyFileTest, TouchesNoFileOfAnotherKind) {
  std::ofstream(path_) << "my notes";
  EXPECT_THROW(ReplyFile file(path_), base::UserError);
  std::ofstream(path_) << "{\"messages\": 3}\n";
  EXPECT_THROW(ReplyFile file(path_), base::UserError);
  EXPECT_EQ(std::filesystem::file_size(path_), 16U);
}

}  // namespace
}  // namespace drover::evaluate
