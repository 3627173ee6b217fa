#include "rounds/arithmetic_prompts.h"

#include <gmock/gmock.h>

#include <algorithm>
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

TEST(ArithmeticPrompts, LeaveOutExactlyWhatASearchInTheTextsFinds) {
  // Expressions as parts of longer ones, at both edges of a text, and broken by other characters.
  std::vector<std::string> texts = {"12 + 3", "7 - 4 - 55 * 9", "1234 + 5678 - 90", "8+1", "6 -2", "5 * 9.5", "99 - 1", " - 4", "3 + ", ""};
  const auto questions = arithmetic_questions(700, 3);  // as many as are looked at for 300 prompts
  for (std::size_t i = 0; i < questions.size(); i += 20) texts.push_back("1" + questions[i].expression + "2 = ?");
  const auto stands_in_a_text = [&](const std::string& expression) {
    return std::any_of(texts.begin(), texts.end(), [&](const auto& text) { return text.find(expression) != std::string::npos; });
  };
  std::vector<std::string> expected;
  std::size_t num_left_out = 0;
  for (const auto& question : questions) {
    if (expected.size() == 300) break;
    if (stands_in_a_text(question.expression)) {
      ++num_left_out;
    } else {
      expected.push_back(question.expression);
    }
  }
  EXPECT_GT(num_left_out, 15U);
  std::vector<std::string> asked;
  for (const auto& prompt : arithmetic_prompts(300, 3, texts)) {
    const auto& content = prompt.dialog.messages.at(0).content;
    const auto begin = content.find_first_of("0123456789");
    asked.push_back(content.substr(begin, content.find_last_of("0123456789") + 1 - begin));
  }
  EXPECT_EQ(asked, expected);
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
