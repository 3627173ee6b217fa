#include "preference/annotation_file.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "preference/annotator.h"
#include "preference/new_ledger_test.h"

namespace drover::preference {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class AnnotationFile : public WithLedger {
 protected:
  AnnotationFile() {
    const auto prompt = ledger_->add(open_prompt("Say hello."));
    request_ = ledger_->add(ledger::ComparisonRequest{.prompt = prompt,
                                                      .stage = "key",
                                                      .first = ledger::id_of(add_reply(prompt, "secret-model", "Hello.")),
                                                      .second = ledger::id_of(add_reply(prompt, "b", "Hi!"))});
  }

  std::string row(const std::string& rest) const { return R"({"request": ")" + request_.hex() + "\"" + rest + "}\n"; }

  std::string refusal(const std::string& lines) {
    try {
      import_answers(*ledger_, write(lines), "anna");
    } catch (const base::UserError& error) {
      EXPECT_TRUE(ledger_->answers_to(request_).empty());
      return error.what();
    }
    return "no refusal";
  }

  ledger::ComparisonRequestId request_;
};

TEST_F(AnnotationFile, WhatIsExportedCanBeFilledInAndImported) {
  const auto rows = annotation_rows(*ledger_, ledger_->pending_requests());
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_THAT(rows[0], HasSubstr("Say hello."));
  EXPECT_THAT(rows[0], Not(HasSubstr("secret-model")));
  EXPECT_EQ(import_answers(*ledger_, write(rows[0] + "\n"), "anna").unanswered, 1);
  auto filled = chat::Json::parse(rows[0]);
  filled["preferred"] = "second";
  filled["level"] = "slightly_better";
  filled["edited"] = "Hi there!";
  filled["reason"] = "warmer";
  EXPECT_EQ(import_answers(*ledger_, write(filled.dump() + "\n"), "anna").new_answers, 1);
  const auto answers = ledger_->answers_to(request_);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].annotator, "anna");
  EXPECT_EQ(answers[0].preferred, ledger::ComparisonAnswer::Preferred::kSecond);
  EXPECT_EQ(answers[0].level, chat::PreferenceLevel::kSlight);
  EXPECT_EQ(answers[0].reason, "warmer");
  ASSERT_EQ(answers[0].edited.size(), 1U);
  EXPECT_EQ(answers[0].edited[0].content, "Hi there!");
  EXPECT_TRUE(ledger_->pending_requests().empty());
}

TEST_F(AnnotationFile, TheSameFileTwiceChangesNothing) {
  const auto lines = row(R"(, "preferred": "first", "level": "better")");
  EXPECT_EQ(import_answers(*ledger_, write(lines), "anna").new_answers, 1);
  const auto again = import_answers(*ledger_, write(lines), "anna");
  EXPECT_EQ(again.new_answers, 0);
  EXPECT_EQ(again.known, 1);
  EXPECT_EQ(import_answers(*ledger_, write(lines), "bert").new_answers, 1);
  try {
    import_answers(*ledger_, write(row(R"(, "preferred": "neither")")), "anna");
    FAIL() << "no refusal";
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("anna has answered request"));
  }
}

TEST_F(AnnotationFile, BadRowsAreRefusedWithTheirLineAndNothingIsRecorded) {
  const auto good = row(R"(, "preferred": "first", "level": "better")");
  EXPECT_THAT(refusal(good + "{"), HasSubstr("rows.jsonl, line 2: not JSON"));
  EXPECT_THAT(refusal("\n[]"), HasSubstr("line 2: it is not a JSON object"));
  EXPECT_THAT(refusal(R"({"request": "0000000000000001", "preferred": "first", "level": "better"})"),
              HasSubstr("holds no request 0000000000000001"));
  EXPECT_THAT(refusal(R"({"request": "xyz"})"), HasSubstr("not the 16 hexadecimal digits"));
  EXPECT_THAT(refusal(R"({"preferred": "first"})"), HasSubstr("not the 16 hexadecimal digits"));
  EXPECT_THAT(refusal(good + good), HasSubstr("line 2: anna answers request"));
  EXPECT_THAT(refusal(row(R"(, "preferred": "frst", "level": "better")")), HasSubstr("did you mean \"first\"?"));
  EXPECT_THAT(refusal(row(R"(, "preferred": "first", "level": "beter")")), HasSubstr("did you mean \"better\"?"));
  EXPECT_THAT(refusal(row(R"(, "preferred": "first")")), HasSubstr("it must be one of marginally_better"));
  EXPECT_THAT(refusal(row(R"(, "preferred": "first", "level": "none")")), HasSubstr("it must be one of"));
  EXPECT_THAT(refusal(row(R"(, "preferred": "neither", "level": "better")")), HasSubstr("neither reply is preferred"));
  EXPECT_THAT(refusal(row(R"(, "preferred": "neither", "edited": "x")")), HasSubstr("say which one was edited"));
  EXPECT_THAT(refusal(row(R"(, "level": "better")")), HasSubstr("\"preferred\" is missing"));
  EXPECT_THAT(refusal(row(R"(, "preferred": "first", "level": "better", "edited": "Hello.")")),
              HasSubstr("\"edited\" equals the preferred reply"));
  EXPECT_THAT(refusal(row(R"(, "preferred": "first", "level": "better", "edited": "Hi!")")), HasSubstr("equals the other reply"));
  EXPECT_THAT(refusal(row(R"(, "preferred": "first", "level": "better", "edited": [{"role": "user", "content": "x"}])")),
              HasSubstr("only the assistant's are edited"));
  EXPECT_THAT(refusal(row(R"(, "preferred": 1)")), HasSubstr("\"preferred\" is not a text"));
  EXPECT_THAT(refusal(row(R"(, "prefered": "first")")), HasSubstr("did you mean \"preferred\"?"));
  EXPECT_THAT(refusal("\n"), HasSubstr("holds no answers"));
}

TEST_F(AnnotationFile, SomebodyMustBeNamed) {
  const auto lines = row(R"(, "preferred": "first", "level": "better")");
  EXPECT_THROW(import_answers(*ledger_, write(lines), ""), base::UserError);
}

}  // namespace
}  // namespace drover::preference
