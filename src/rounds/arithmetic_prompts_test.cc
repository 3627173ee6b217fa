#include "rounds/arithmetic_prompts.h"

#include <gmock/gmock.h>

#include <set>
#include <sstream>

#include "verify/checker.h"

namespace drover::rounds {
namespace {

// Another way to the value: products bind tighter than sums, read from the left.
std::int64_t value_of(const std::string& expression) {
  std::istringstream words(expression);
  std::int64_t sum = 0;
  std::int64_t term = 0;
  char operation = '+';
  words >> term;
  std::int64_t operand = 0;
  while (words >> operation >> operand) {
    if (operation == '*') {
      term *= operand;
    } else {
      sum += term;
      term = operation == '-' ? -operand : operand;
    }
  }
  return sum + term;
}

TEST(ArithmeticPrompts, TheirValuesAreRightAndNoQuestionComesTwice) {
  std::set<std::string> seen;
  for (const auto& question : arithmetic_questions(500, 3)) {
    EXPECT_EQ(question.value, value_of(question.expression)) << question.expression;
    EXPECT_GE(question.difficulty, 0);
    EXPECT_LE(question.difficulty, 1);
    EXPECT_TRUE(seen.insert(question.expression).second);
  }
  EXPECT_EQ(seen.size(), 500U);
}

TEST(ArithmeticPrompts, TheFirstOnesDoNotDependOnTheirNumber) {
  const auto few = arithmetic_questions(20, 3), many = arithmetic_questions(200, 3);
  for (std::size_t i = 0; i < few.size(); ++i) EXPECT_EQ(few[i].expression, many[i].expression);
}

TEST(ArithmeticPrompts, LeaveOutWhatASuiteAsks) {
  const auto held_out = arithmetic_questions(10, 3).front().expression;
  for (const auto& prompt : arithmetic_prompts(50, 3, {"Work out " + held_out + " ="}))
    EXPECT_THAT(prompt.dialog.messages.at(0).content, ::testing::Not(::testing::HasSubstr(held_out)));
}

TEST(ArithmeticPrompts, AreCheckedAsNumbers) {
  const auto prompts = arithmetic_prompts(30, 5, {});
  ASSERT_EQ(prompts.size(), 30U);
  for (const auto& prompt : prompts) {
    EXPECT_TRUE(verify::make_checker(prompt.checker)->check("The answer is " + prompt.expected, prompt.expected).is_right());
  }
}

}  // namespace
}  // namespace drover::rounds
