#include "rounds/steering.h"

#include <gtest/gtest.h>

#include <set>

#include "rounds/prompt_pool.h"
#include "rounds/tiny_recipe_test.h"

namespace drover::rounds {
namespace {

Recipe steering_recipe() {
  return tiny_recipe({{"[collect]", "[capabilities.sum]\nsystem_prompts = [\"Be brief.\", \"Be kind.\"]\n\n[collect]"}});
}

TEST(Steering, PutsOneOfTheCapabilitysSystemPromptsInFrontAndTakesItAwayAgain) {
  const auto recipe = steering_recipe();
  std::set<std::string> seen;
  const PromptPool pool(recipe);
  for (const auto& prompt : pool.prompts()) {
    const auto changed = steered(recipe, prompt, 3);
    if (capability_of(prompt) != "sum") {
      EXPECT_EQ(changed.dialog, prompt.dialog);
      continue;
    }
    ASSERT_EQ(changed.dialog.messages.size(), 2U);
    EXPECT_EQ(changed.dialog.messages[0].sender, chat::Sender::kSystem);
    seen.insert(changed.dialog.messages[0].content);
    EXPECT_EQ(changed.expected, prompt.expected);
    EXPECT_EQ(without_steering(recipe, changed), prompt.dialog);
  }
  EXPECT_EQ(seen, (std::set<std::string>{"Be brief.", "Be kind."}));
}

TEST(Steering, LeavesAPromptsOwnSystemMessageAlone) {
  const auto recipe = steering_recipe();
  auto prompt = PromptPool(recipe).prompts().front();
  prompt.tags = {"sum"};
  prompt.dialog.messages.insert(prompt.dialog.messages.begin(), {.sender = chat::Sender::kSystem, .content = "You add."});
  EXPECT_EQ(steered(recipe, prompt, 3).dialog, prompt.dialog);
  EXPECT_EQ(without_steering(recipe, prompt), prompt.dialog);
}

}  // namespace
}  // namespace drover::rounds
