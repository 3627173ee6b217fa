#include "verify/checker.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "verify/choice_answer.h"
#include "verify/exact_answer.h"
#include "verify/numeric_answer.h"

namespace drover::verify {
namespace {

using ::testing::HasSubstr;

Outcome outcome(std::string_view checker, std::string_view reply, std::string_view expected) {
  return make_checker(checker)->check(reply, expected).outcome;
}

TEST(NumericChecker, ReadsTheWorkedSolutionsOfGsm8k) {
  const std::string_view solution =
      "Natalia sold 48/2 = <<48/2=24>>24 clips in May.\nNatalia sold 48+24 = <<48+24=72>>72 clips altogether in April "
      "and May.\n#### 72";
  EXPECT_EQ(outcome("numeric", "She sold 48 in April and 24 in May, so 72.", solution), Outcome::kRight);
  EXPECT_EQ(outcome("numeric", "48 + 24 = 70", solution), Outcome::kWrong);
  EXPECT_EQ(outcome("numeric", "#### 1,080", "12 * 90 = 1080\n#### 1,080"), Outcome::kRight);
  EXPECT_EQ(outcome("numeric", "It costs $1,080.00 in all.", "#### 1080"), Outcome::kRight);
}

TEST(NumericChecker, ReadsTheAnswersOfSvampAndOfPlainArithmetic) {
  EXPECT_EQ(outcome("numeric", "You have to pay 51 dollars.", "51.0"), Outcome::kRight);
  EXPECT_EQ(outcome("numeric", "-734", " -734"), Outcome::kRight);
  EXPECT_EQ(outcome("numeric", "25 - 759 = 734", " -734"), Outcome::kWrong);
}

struct NumberCase {
  std::string_view text;
  double value;
};

class AnswerNumber : public ::testing::TestWithParam<NumberCase> {};

TEST_P(AnswerNumber, IsTheOneThatTheReplyGivesAsItsAnswer) {
  const auto number = answer_number(GetParam().text);
  ASSERT_TRUE(number) << GetParam().text;
  EXPECT_DOUBLE_EQ(number->value, GetParam().value) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Replies, AnswerNumber,
    ::testing::Values(NumberCase{"7", 7}, NumberCase{"10-7", 7}, NumberCase{"= -7", -7}, NumberCase{"3.50", 3.5},
                      NumberCase{"The answer is 12. I used 3 steps.", 12},
                      NumberCase{"Answer: 3 + 4 = 7\nin 2 steps", 7},
                      NumberCase{"so \\boxed{42} follows from 2 lemmas", 42}, NumberCase{"\\boxed{\\frac{3}{4}}", 0.75},
                      NumberCase{"\\boxed{-\\dfrac{1}{2}}", -0.5}, NumberCase{"about 3/4 of them", 0.75},
                      NumberCase{"1,234,567", 1234567}, NumberCase{"1,2,3", 3}, NumberCase{"12,34", 34},
                      NumberCase{"50%", 50}, NumberCase{"#### $18", 18}, NumberCase{"6.02e23", 6.02e23},
                      NumberCase{"x-5", 5}, NumberCase{"In the end, 5.", 5}, NumberCase{".5", 0.5},
                      NumberCase{"The answer is 12 apples for 3 days.", 12}, NumberCase{"The answer is 3 + 4, that is 7", 7},
                      NumberCase{"The answer is 30 + 30 = 60 pieces for 14 regular and 12 double plates", 60}, NumberCase{"The answer is 5 boxes + 2 boxes = 7 boxes", 7},
                      NumberCase{"about 2 1/2 cups", 2.5}, NumberCase{"\\boxed{2\\frac{3}{4}}", 2.75}, NumberCase{"-1 1/4", -1.25},
                      NumberCase{"from 7 3/2", 1.5}, NumberCase{"\u22125 degrees", -5}, NumberCase{"\\boxed{1{,}234}", 1234},
                      NumberCase{"\\boxed{3 \\times 10^{5}}", 3e5}, NumberCase{"6.5 x 10^-3 m", 6.5e-3}, NumberCase{"\\boxed{12\\%}", 12},
                      NumberCase{"It weighs 5 kg", 5}, NumberCase{"the answer is **72**.", 72},
                      NumberCase{"The answer is $\\frac{3}{4}$.", 0.75}, NumberCase{"so she keeps \\frac{3}{4} of it", 0.75},
                      NumberCase{"The answer is \\dfrac{1}{2} of 30", 0.5}, NumberCase{"Answer: -\\tfrac{5}{2}", -2.5},
                      NumberCase{"\\frac{1}{4} + \\frac{1}{4} = \\frac12", 0.5}, NumberCase{"The answer is 2 \\frac{3}{4} cups", 2.75},
                      NumberCase{"The answer is \\frac{1}{2} + \\frac{1}{4}, that is \\frac{3}{4}", 0.75},
                      NumberCase{"The answer is \\frac{x}{8}", 8}, NumberCase{"\\frac{\\frac{1}{2}}{2}", 0.25}, NumberCase{"\\boxed{\\$1{,}080}", 1080}));

TEST(NumericChecker, SaysWhenThereIsNoAnswerAtAll) {
  EXPECT_EQ(outcome("numeric", "", "7"), Outcome::kNoAnswer);
  EXPECT_EQ(outcome("numeric", "seven", "7"), Outcome::kNoAnswer);
  EXPECT_EQ(outcome("numeric", "####", "7"), Outcome::kNoAnswer);
  EXPECT_EQ(outcome("numeric", "\\boxed{", "7"), Outcome::kNoAnswer);
  EXPECT_EQ(outcome("numeric", "\\frac{", "7"), Outcome::kNoAnswer);
  EXPECT_EQ(outcome("numeric", std::string(100000, '9'), "7"), Outcome::kNoAnswer);  // no number that double can hold
  EXPECT_THROW(outcome("numeric", "7", "seven"), base::UserError);
}

TEST(NumericChecker, AllowsRoundingAndNothingMore) {
  EXPECT_EQ(outcome("numeric", "0.333333", "1/3"), Outcome::kRight);
  EXPECT_EQ(outcome("numeric", "0.33", "1/3"), Outcome::kWrong);
  EXPECT_EQ(outcome("numeric", "1000000.5", "1000000"), Outcome::kRight);
  EXPECT_EQ(outcome("numeric", "1000002", "1000000"), Outcome::kWrong);
}

TEST(ExactChecker, ComparesAsSquadDoes) {
  EXPECT_EQ(normalised_answer(" The  Eiffel-Tower, a!"), "eiffeltower");
  EXPECT_EQ(outcome("exact", "the Eiffel Tower.", "Eiffel Tower"), Outcome::kRight);
  EXPECT_EQ(outcome("exact", "Eiffel Towers", "Eiffel Tower"), Outcome::kWrong);
  EXPECT_EQ(outcome("exact", "Sunset Blvd", "Sunset Boulevard\nSunset Blvd"), Outcome::kRight);
  EXPECT_EQ(outcome("exact", "...", "Paris"), Outcome::kNoAnswer);
  EXPECT_EQ(outcome("exact", "ZÜRICH", "zürich"), Outcome::kRight);
  EXPECT_THROW(outcome("exact", "Paris", "?!"), base::UserError);
}

TEST(ChoiceChecker, FindsTheLetterThatTheReplyChooses) {
  for (const std::string_view reply :
       {"B", "b", "(B)", "B.", "B) the second", "The answer is B.", "**B**", "Answer: (b)", "\\boxed{B}",
        "A and C are wrong, so the answer is B", "I think it is (B)", "A common mistake is to add. B"}) {
    EXPECT_EQ(chosen_letter(reply), 'B') << reply;
  }
  EXPECT_EQ(outcome("choice", "The answer is (C).", "C"), Outcome::kRight);
  EXPECT_EQ(outcome("choice", "The answer is (C).", "(B)"), Outcome::kWrong);
}

TEST(ChoiceChecker, TheLetterBehindTheAnswersPhraseIsNoArticle) {
  for (const std::string_view reply :
       {"The answer is A because B and C are false.", "The answer is A because it floats.", "Answer: A is right, B sinks",
        "**Answer:** A since D is heavier", "The answer is option A and not B", "\\boxed{A because B sinks}",
        "the answer is \\boxed{\\text{A}}, not B"}) {
    EXPECT_EQ(chosen_letter(reply), 'A') << reply;
  }
  EXPECT_EQ(chosen_letter("Answer: I think it is B"), 'B');
  EXPECT_EQ(chosen_letter("The answer is Apple, so B"), 'B');
}

TEST(ChoiceChecker, TakesNoWordForAChoice) {
  for (const std::string_view reply : {"", "I do not know", "A dog barks", "DNA", "Everything", "4"}) {
    EXPECT_EQ(chosen_letter(reply), std::nullopt) << reply;
  }
  EXPECT_THROW(outcome("choice", "B", "7"), base::UserError);
}

TEST(Checker, NamesWhatThereIs) {
  try {
    make_checker("numerical");
    FAIL();
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("exact, numeric, choice, ifeval, bfcl"));
  }
  for (const auto name : checker_names()) EXPECT_EQ(make_checker(name)->name(), name);
}

}  // namespace
}  // namespace drover::verify
