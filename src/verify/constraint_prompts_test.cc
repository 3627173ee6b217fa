#include "verify/constraint_prompts.h"

#include <gmock/gmock.h>

#include <set>

#include "base/error.h"
#include "verify/checker.h"
#include "verify/instructions.h"

namespace drover::verify {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kInstruction = "Describe how bread is baked.";

TEST(ConstraintPrompts, AreReadByTheChecker) {
  std::set<std::string> seen;
  std::set<std::size_t> counts;
  for (int index = 0; index < 600; ++index) {
    const auto prompt = constrain(kInstruction, index);
    EXPECT_THAT(prompt.text, StartsWith(std::string(kInstruction) + "\n\n"));
    const auto instructions = parse_instructions(prompt.expected);
    ASSERT_EQ(instructions.size(), prompt.ids.size());
    ASSERT_EQ(std::set<std::string>(prompt.ids.begin(), prompt.ids.end()).size(), prompt.ids.size()) << prompt.expected;
    for (std::size_t i = 0; i < instructions.size(); ++i) EXPECT_EQ(instructions[i].id, prompt.ids[i]);
    seen.insert(prompt.ids.begin(), prompt.ids.end());
    counts.insert(prompt.ids.size());
  }
  EXPECT_EQ(seen.size(), constraint_types().size()) << "every type occurs";
  EXPECT_EQ(seen.size(), 24U);
  EXPECT_EQ(counts, (std::set<std::size_t>{1, 2, 3}));
}

TEST(ConstraintPrompts, DependOnSeedAndIndexAlone) {
  EXPECT_EQ(constrain(kInstruction, 7).text, constrain(kInstruction, 7).text);
  EXPECT_EQ(constrain(kInstruction, 7).expected, constrain(kInstruction, 7).expected);
  std::set<std::string> texts;
  for (std::uint64_t seed = 0; seed < 50; ++seed) texts.insert(constrain(kInstruction, 7, {.seed = seed, .types = {}}).text);
  EXPECT_GT(texts.size(), 30U);
}

TEST(ConstraintPrompts, CanBeFollowedTogether) {
  const auto never_together = [](const std::vector<std::string>& ids, const char* a, const char* b) {
    const std::set<std::string> set(ids.begin(), ids.end());
    return !(set.contains(a) && set.contains(b));
  };
  for (int index = 0; index < 2000; ++index) {
    const auto ids = constrain(kInstruction, index, {.most = 6, .types = {}}).ids;
    EXPECT_TRUE(never_together(ids, "change_case:english_capital", "change_case:english_lowercase"));
    EXPECT_TRUE(never_together(ids, "change_case:english_lowercase", "language:response_language"));
    EXPECT_TRUE(never_together(ids, "startend:end_checker", "detectable_content:postscript"));
    EXPECT_TRUE(never_together(ids, "detectable_format:json_format", "punctuation:no_comma"));
    EXPECT_TRUE(never_together(ids, "startend:quotation", "combination:repeat_prompt"));
    EXPECT_TRUE(never_together(ids, "keywords:existence", "keywords:forbidden_words"));
  }
}

TEST(ConstraintPrompts, KeepToTheTypesThatAreAskedFor) {
  const auto prompt = constrain(kInstruction, 3, {.most = 3, .types = {"punctuation:no_comma"}});
  EXPECT_EQ(prompt.ids, std::vector<std::string>{"punctuation:no_comma"});
  EXPECT_TRUE(make_checker("ifeval")->check("Mix flour with water and wait.", prompt.expected).is_right());
  EXPECT_THROW(constrain(kInstruction, 0, {.types = {"punctuation:no_coma"}}), base::UserError);
  EXPECT_THROW(constrain(kInstruction, 0, {.fewest = 0, .types = {}}), base::UserError);
  EXPECT_THROW(constrain(kInstruction, 0, {.fewest = 3, .most = 2, .types = {}}), base::UserError);
}

}  // namespace
}  // namespace drover::verify
