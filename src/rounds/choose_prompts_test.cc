#include "rounds/choose_prompts.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "rounds/tiny_recipe_test.h"

namespace drover::rounds {
namespace {

class ChoosePromptsTest : public ::testing::Test {
 protected:
  PromptChoice choose(const Recipe& recipe, const std::string& stage, const std::vector<PromptChoice>& earlier = {},
                      const ScoreBoard& scores = {}) {
    Workspace work(recipe, folder_.path(), ledger_, {});
    const PromptPool pool(recipe);
    for (const auto& prompt : pool.prompts()) ledger_.add(prompt);
    const ModelRef model{.name = "m", .hash = "m", .folder = "m", .files = {}};
    return choose_prompts(work, stage, pool, earlier, {.variants = {model}, .average = model}, scores);
  }
  static std::map<std::string, int> shares(const Recipe& recipe, const PromptChoice& choice) {
    const PromptPool pool(recipe);
    std::map<ledger::PromptId, std::string> capabilities;
    for (const auto& prompt : pool.prompts()) capabilities[ledger::id_of(prompt)] = capability_of(prompt);
    std::map<std::string, int> counts;
    for (const auto prompt : choice.prompts) ++counts[capabilities[prompt]];
    return counts;
  }

  TemporaryFolder folder_{"choose-prompts"};
  ledger::Ledger ledger_{folder_.path() / "ledger.sqlite", ledger::Ledger::OpenMode::kCreate};
};

TEST_F(ChoosePromptsTest, TakesAllWithoutANumber) { EXPECT_EQ(choose(tiny_recipe(), "plan").prompts.size(), 40U); }

TEST_F(ChoosePromptsTest, TakesEqualSharesAndPromptsThatNoEarlierRoundHadFirst) {
  const auto recipe = tiny_recipe({{"[collect]\n", "[collect]\nprompts_per_round = 10\n"}});
  const auto first = choose(recipe, "plan 1");
  const auto second = choose(recipe, "plan 2", {first});
  std::set<ledger::PromptId> both;
  for (const auto& choice : {first, second}) both.insert(choice.prompts.begin(), choice.prompts.end());
  EXPECT_EQ(shares(recipe, first), (std::map<std::string, int>{{"difference", 5}, {"sum", 5}}));
  EXPECT_EQ(both.size(), 20U);
}

TEST_F(ChoosePromptsTest, AWeakCapabilityGetsItsLargerShareFromTheSecondRoundOn) {
  const auto recipe = tiny_recipe({{"[collect]\n", "[collect]\nprompts_per_round = 10\nweak_share = 0.8\n"},
                                   {"[suites.held-out-sums]\n", "[suites.held-out-sums]\ncapability = \"sum\"\n"}});
  ScoreBoard scores;
  scores.entries.push_back({.model = "m", .name = "m", .suite = "held-out-sums", .is_right = std::string(60, '0'),
                            .accuracy = 0, .low = 0, .high = 0.1});
  const auto first = choose(recipe, "plan 1", {}, scores);
  EXPECT_EQ(shares(recipe, first), (std::map<std::string, int>{{"difference", 5}, {"sum", 5}}));
  const auto second = choose(recipe, "plan 2", {first}, scores);
  EXPECT_EQ(shares(recipe, second), (std::map<std::string, int>{{"difference", 2}, {"sum", 8}}));
}

TEST_F(ChoosePromptsTest, ARoundDoesNotShrinkWhenNewPromptsRunOut) {
  const auto recipe = tiny_recipe({{"[collect]\n", "[collect]\nprompts_per_round = 30\nnum_weakest = 1\n"},
                                   {"[suites.held-out-sums]\n", "[suites.held-out-sums]\ncapability = \"sum\"\n"}});
  ScoreBoard scores;
  scores.entries.push_back({.model = "m", .name = "m", .suite = "held-out-sums", .is_right = std::string(60, '0'),
                            .accuracy = 0, .low = 0, .high = 0.1});
  std::vector<PromptChoice> rounds;
  std::map<ledger::PromptId, int> uses;
  for (int round = 1; round <= 4; ++round) {
    rounds.push_back(choose(recipe, "plan " + std::to_string(round), rounds, scores));
    const auto& prompts = rounds.back().prompts;
    EXPECT_EQ(std::set<ledger::PromptId>(prompts.begin(), prompts.end()).size(), 30U) << round;
    for (const auto prompt : prompts) ++uses[prompt];
    if (round == 2) {
      EXPECT_EQ(uses.size(), 40U) << "what no round had comes before what one had";
    }
  }
}

TEST_F(ChoosePromptsTest, AWeakCapabilityKeepsItsShareWhenItsNewPromptsRunOut) {
  const auto recipe = tiny_recipe({{"[collect]\n", "[collect]\nprompts_per_round = 10\nnum_weakest = 1\nweak_share = 0.9\n"},
                                   {"[suites.held-out-sums]\n", "[suites.held-out-sums]\ncapability = \"sum\"\n"}});
  ScoreBoard scores;
  scores.entries.push_back({.model = "m", .name = "m", .suite = "held-out-sums", .is_right = std::string(60, '0'),
                            .accuracy = 0, .low = 0, .high = 0.1});
  std::vector<PromptChoice> rounds;
  std::map<ledger::PromptId, int> uses;
  for (int round = 1; round <= 5; ++round) {
    rounds.push_back(choose(recipe, "plan " + std::to_string(round), rounds, scores));
    for (const auto prompt : rounds.back().prompts) ++uses[prompt];
  }
  // There are 29 sums: 5, 9, 9, then the last 6 with 3 used ones, then used ones alone.
  EXPECT_EQ(shares(recipe, rounds[3]), (std::map<std::string, int>{{"difference", 1}, {"sum", 9}}));
  EXPECT_EQ(shares(recipe, rounds[4]), (std::map<std::string, int>{{"difference", 1}, {"sum", 9}}));
  int num_sums = 0;
  const PromptPool pool(recipe);
  for (const auto& prompt : pool.prompts()) num_sums += capability_of(prompt) == "sum" && uses[ledger::id_of(prompt)] > 0 ? 1 : 0;
  EXPECT_EQ(num_sums, 29) << "new ones come first";
}

TEST(PromptChoice, SurvivesItsRecord) {
  const PromptChoice choice{.prompts = {ledger::PromptId(5), ledger::PromptId(3)}};
  EXPECT_EQ(PromptChoice::from_json(choice.to_json()).prompts, choice.prompts);
}

}  // namespace
}  // namespace drover::rounds
