#include "rounds/choose_prompts.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "rounds/tiny_recipe_test.h"

namespace drover::rounds {
namespace {

class ChoosePromptsTest : public ::testing::Test {
 protected:
  PromptChoice choose(const Recipe& recipe, const std::string& stage, const std::vector<PromptChoice>& earlier = {}) {
    Workspace work(recipe, folder_.path(), ledger_, {});
    return choose_prompts(work, stage, PromptPool(recipe), earlier, {}, {});
  }

  TemporaryFolder folder_{"choose-prompts"};
  ledger::Ledger ledger_{folder_.path() / "ledger.sqlite", ledger::Ledger::OpenMode::kCreate};
};

TEST_F(ChoosePromptsTest, TakesAllWithoutANumber) { EXPECT_EQ(choose(tiny_recipe(), "plan").prompts.size(), 40U); }

TEST_F(ChoosePromptsTest, TakesEqualSharesAndPromptsThatNoEarlierRoundHadFirst) {
  const auto recipe = tiny_recipe({{"[collect]\n", "[collect]\nprompts_per_round = 10\n"}});
  std::map<ledger::PromptId, std::string> capabilities;
  const PromptPool pool(recipe);
  for (const auto& prompt : pool.prompts()) capabilities[ledger::id_of(prompt)] = capability_of(prompt);
  const auto first = choose(recipe, "plan 1");
  const auto second = choose(recipe, "plan 2", {first});
  std::map<std::string, int> shares;
  std::set<ledger::PromptId> both;
  for (const auto prompt : first.prompts) ++shares[capabilities[prompt]];
  for (const auto& choice : {first, second}) both.insert(choice.prompts.begin(), choice.prompts.end());
  EXPECT_EQ(shares, (std::map<std::string, int>{{"difference", 5}, {"sum", 5}}));
  EXPECT_EQ(both.size(), 20U);
}

TEST(PromptChoice, SurvivesItsRecord) {
  const PromptChoice choice{.prompts = {ledger::PromptId(5), ledger::PromptId(3)}};
  EXPECT_EQ(PromptChoice::from_json(choice.to_json()).prompts, choice.prompts);
}

}  // namespace
}  // namespace drover::rounds
