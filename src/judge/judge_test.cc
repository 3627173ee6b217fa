#include "judge/judge.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "judge/scripted_judge_test.h"

namespace drover::judge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<std::string> kAB = {"A", "B"};

TEST(ChoiceIn, TakesTheChoiceAloneAndNothingElse) {
  const std::vector<std::string> words = {"yes", "no"};
  for (const auto* text : {"yes", " Yes.", "**yes**", "\"YES\"\n", "(yes)"}) EXPECT_EQ(choice_in(text, words), 0U) << text;
  for (const auto* text : {"", "yes, because", "not", "yes or no", "maybe", "."}) {
    EXPECT_EQ(choice_in(text, words), std::nullopt) << text;
  }
}

TEST(Judge, AsksAgainWhileTheAnswerIsInvalid) {
  ScriptedModel model([](const std::string&, std::int64_t attempt) { return attempt < 2 ? "I think B" : "B"; });
  Judge judge(model);
  const std::vector<std::string> questions = {"q"};
  EXPECT_EQ(judge.choose(questions, kAB).at(0).chosen, 1U);
  EXPECT_EQ(model.num_requests, 3);
  EXPECT_EQ(judge.counts().invalid, 0);
}

TEST(Judge, CountsInvalidAnswersAndEndsAfterItsTries) {
  ScriptedModel model([](const std::string& question, std::int64_t) { return question == "q1" ? "hm" : "A"; });
  Judge judge(model, {}, {.max_tries = 4});
  const std::vector<std::string> questions = {"q0", "q1", "q2"};
  const auto answers = judge.choose(questions, kAB);
  EXPECT_TRUE(answers[0].is_valid());
  EXPECT_FALSE(answers[1].is_valid());
  EXPECT_EQ(model.num_requests, 3 + 3);  // the one question three times more
  EXPECT_EQ(judge.counts().questions, 3);
  EXPECT_DOUBLE_EQ(judge.counts().invalid_share(), 1.0 / 3);
}

TEST(Judge, OneThatNeverAnswersValidlyIsGivenUpWithASentence) {
  ScriptedModel model([](const std::string&, std::int64_t) { return "As a model,\nI like both."; });
  Judge judge(model, {}, {.max_tries = 2, .give_up_after = 5, .questions_per_batch = 2});
  const std::vector<std::string> questions(1000, "q");
  try {
    judge.choose(questions, kAB);
    FAIL() << "no refusal";
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no valid answer to any of its first 6 questions"));
    EXPECT_THAT(error.what(), HasSubstr("one of A, B"));
    EXPECT_THAT(error.what(), HasSubstr("As a model, I like both."));
  }
  EXPECT_EQ(model.num_requests, 6 * 2);
}

TEST(Judge, AQuestionThatDoesNotFitIsInvalidAndNotAskedAgain) {
  ScriptedModel model([](const std::string& question, std::int64_t) { return question == "long" ? "too long" : "A"; });
  Judge judge(model);
  const std::vector<std::string> questions = {"long", "short"};
  const auto answers = judge.choose(questions, kAB);
  EXPECT_FALSE(answers[0].is_valid());
  EXPECT_EQ(answers[1].chosen, 0U);
  EXPECT_EQ(judge.counts().too_long, 1);
  EXPECT_EQ(model.num_requests, 2);
}

TEST(Judge, ReadsListsInACodeBlockAndObjectsWithTags) {
  const std::vector<std::string> answers = {R"(["a", "b"])", "```json\n[\"a\"]\n```", R"([{"tag": "a", "explanation": "x"}])"};
  for (const auto& text : answers) {
    ScriptedModel model([&](const std::string&, std::int64_t) { return text; });
    Judge judge(model);
    const auto list = judge.list(std::vector<std::string>{"q"}).at(0);
    ASSERT_TRUE(list.has_value()) << text;
    EXPECT_EQ(list->front(), "a");
  }
}

TEST(Judge, OtherTextIsNoList) {
  for (const std::string text : {"a, b", "[\"a\"", "{\"tags\": []}", "[1, 2]", "I like [\"a\"]", "[[\"a\"]]"}) {
    ScriptedModel model([&](const std::string&, std::int64_t) { return text; });
    Judge judge(model, {}, {.give_up_after = 0});
    EXPECT_FALSE(judge.list(std::vector<std::string>{"q"}).at(0).has_value()) << text;
  }
}

// Stands for the constraint of one choice, which the scripted model can see.
class OnlyChoice final : public engine::TokenConstraint {
 public:
  explicit OnlyChoice(std::string text) : text(std::move(text)) {}
  std::unique_ptr<TokenConstraint> copy() const override { return std::make_unique<OnlyChoice>(text); }
  void insert_allowed(engine::TokenMask&) const override {}
  bool may_end() const override { return true; }
  void accept(text::TokenId) override {}
  std::string text;
};

// Gives each choice a log-probability of its own, and an unlikely terminator behind it.
class WeighingModel final : public generate::Generator {
 public:
  std::vector<generate::GenerationResult> generate(std::span<const generate::GenerationRequest> requests,
                                                   const generate::GenerationCallbacks&) override {
    std::vector<generate::GenerationResult> results;
    for (const auto& request : requests) {
      const auto& only = dynamic_cast<const OnlyChoice&>(*request.constraint);
      generate::Response response;
      response.text = only.text;
      response.finish = generate::Finish::kTerminator;
      response.log_probs = {only.text == "A" ? std::log(0.1F) : std::log(0.3F), only.text == "A" ? -1.0F : -9.0F};
      results.emplace_back().responses = {response};
    }
    return results;
  }
  std::string model_name() const override { return "weighing"; }
};

TEST(Judge, ProbabilitiesAreThoseOfTheChoicesAmongThemselves) {
  WeighingModel model;
  AnswerForms forms;
  forms.one_of = [](std::span<const std::string> choices) { return std::make_shared<const OnlyChoice>(choices[0]); };
  Judge judge(model, forms, {.use_probabilities = true});
  const auto answer = judge.choose(std::vector<std::string>{"q"}, kAB).at(0);
  ASSERT_EQ(answer.probabilities.size(), 2U);
  EXPECT_NEAR(answer.probabilities[0], 0.25, 1e-6);  // 0.1 / (0.1 + 0.3): the terminator does not count
  EXPECT_EQ(answer.chosen, 1U);
}

TEST(Judge, ProbabilitiesNeedAModelThatCanBeConstrained) {
  ScriptedModel model([](const std::string&, std::int64_t) { return "A"; });
  EXPECT_THROW(Judge(model, {}, {.use_probabilities = true}), base::UserError);
}

TEST(Judge, RefusesOptionsOutOfRange) {
  ScriptedModel model([](const std::string&, std::int64_t) { return "A"; });
  EXPECT_THROW(Judge(model, {}, {.max_tries = 0}), base::UserError);
  EXPECT_THROW(Judge(model, {}, {.questions_per_batch = 0}), base::UserError);
}

}  // namespace
}  // namespace drover::judge
