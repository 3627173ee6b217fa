#include "rounds/prompt_pool.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/error.h"
#include "rounds/tiny_recipe_test.h"

namespace drover::rounds {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

const std::string kTinySuite = "file = \"tiny/suite.jsonl\"\n";

PromptPool pool_with(const std::string& more) { return PromptPool(tiny_recipe({{kTinySuite, kTinySuite + more}})); }

std::vector<std::string> first_tags(const evaluate::Suite& suite) {
  std::vector<std::string> tags;
  for (const auto& prompt : suite.prompts) tags.push_back(prompt.tags.at(0));
  return tags;
}

TEST(SuiteCategories, OnlyPromptsWithOneOfTheTagsAreAsked) {
  const auto all = pool_with(""), sums = pool_with("categories = [\"sum\"]\n"),
             both = pool_with("categories = [\"difference\", \"sum\"]\n");
  EXPECT_THAT(first_tags(all.suites().at(0).suite), IsSupersetOf({"sum", "difference"}));
  EXPECT_THAT(first_tags(sums.suites().at(0).suite), Each("sum"));
  const auto tags = first_tags(all.suites().at(0).suite);
  EXPECT_EQ(static_cast<std::ptrdiff_t>(sums.suites().at(0).suite.prompts.size()), std::count(tags.begin(), tags.end(), "sum"));
  EXPECT_EQ(first_tags(both.suites().at(0).suite), tags) << "the suite's own order";
  EXPECT_EQ(all.hash_of_suites(), both.hash_of_suites()) << "the same prompts are asked";
  EXPECT_NE(all.hash_of_suites(), sums.hash_of_suites());
}

TEST(SuiteCategories, TheLimitCountsAmongThem) {
  const auto pool = pool_with("categories = [\"difference\"]\nlimit = 2\n");  // the first two prompts are a sum and a difference
  EXPECT_THAT(first_tags(pool.suites().at(0).suite), ElementsAre("difference", "difference"));
}

TEST(SuiteCategories, OfAKnownSuiteTheyAreItsFiles) {
  const auto pool = pool_with("\n[suites.bfcl]\ncategories = [\"simple_python\", \"multiple\"]\n");
  std::set<std::string> kinds;
  for (const auto& prompt : pool.suites().at(0).suite.prompts) kinds.insert(prompt.tags.at(1));
  EXPECT_EQ(kinds, (std::set<std::string>{"multiple", "simple_python"}));
  EXPECT_EQ(pool.suites().at(0).capability, "tool_use");
}

TEST(SuiteCategories, OneThatNoPromptHasIsRefusedWithThoseThereAre) {
  try {
    pool_with("categories = [\"sum\", \"diference\"]\n");
    FAIL() << "not refused";
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("tiny.toml"), HasSubstr("[suites.held-out-sums]"), HasSubstr("\"diference\""),
                                    HasSubstr("did you mean \"difference\""), HasSubstr("there are difference, sum")));
  }
}

TEST(ConstrainedPrompts, AreOfTheirSourcesCapabilityWhenTheyHaveNoTags) {
  const TemporaryFolder folder("constrained");
  const auto file = folder.path() / "requests.jsonl";
  base::write_file_atomically(file, R"({"messages":[{"role":"user","content":"Tell me about rivers."}]}
{"messages":[{"role":"user","content":"Tell me about lakes."}],"tags":["nature"]}
)");
  const auto pool = pool_with("\n[prompts.requests]\nconstraints = 3\nfile = \"" + file.string() + "\"\n");
  std::vector<std::string> capabilities;
  for (const auto& prompt : pool.prompts()) {
    if (prompt.source != "requests") continue;
    capabilities.push_back(capability_of(prompt));
    EXPECT_GT(prompt.tags.size(), 1U) << "the constraints";
  }
  EXPECT_THAT(capabilities, ElementsAre("requests", "nature"));
}

TEST(HeldOutPrompts, AreASetsQuestionsWithAndWithoutTheInstructionBehindThem) {
  std::multiset<std::string> texts;
  for (const auto& prompt : pool_with("\n[suites.svamp]\n").held_out()) {
    if (prompt.suite == "svamp") texts.insert(prompt.text);
  }
  const std::string instruction = "\n\nWork it out step by step. End with \"The answer is\" and the number.";
  std::int64_t num_instructed = 0;
  for (const auto& text : texts) {
    if (!text.ends_with(instruction)) continue;
    ++num_instructed;
    EXPECT_TRUE(texts.contains(text.substr(0, text.size() - instruction.size()))) << text;
  }
  EXPECT_GT(num_instructed, 0);
  EXPECT_EQ(std::ssize(texts), 2 * num_instructed);
}

}  // namespace
}  // namespace drover::rounds
