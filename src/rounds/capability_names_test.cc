#include "rounds/capability_names.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "rounds/tiny_recipe_test.h"

namespace drover::rounds {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// The tiny recipe's prompts are sums and differences.
std::string refusal(const std::string& table) {
  const auto recipe = tiny_recipe({{"[collect]\n", table}});
  try {
    check_capability_names(recipe, PromptPool(recipe));
  } catch (const base::UserError& error) {
    return error.what();
  }
  return "no refusal";
}

TEST(CapabilityNames, OnesThatNoPromptHasAreRefusedWhereverTheyStand) {
  const auto misspelt = [](const std::string& where) {
    return AllOf(HasSubstr("tiny.toml: " + where), HasSubstr("\"diference\""), HasSubstr("did you mean \"difference\""));
  };
  EXPECT_THAT(refusal("[collect]\nmulti_turn = [\"diference\"]\n"), misspelt("\"multi_turn\" in [collect]"));
  EXPECT_THAT(refusal("[capabilities.diference]\nsystem_prompts = [\"Be brief.\"]\n[collect]\n"), misspelt("[capabilities.diference]"));
  EXPECT_THAT(refusal("[curate]\nepochs = { diference = 2 }\n[collect]\n"), misspelt("\"epochs\" in [curate]"));
  EXPECT_THAT(refusal("[curate]\nshares = { diference = 2, sum = 1 }\n[collect]\n"), misspelt("\"shares\" in [curate]"));
}

TEST(CapabilityNames, ThoseOfPromptsAndOfDialogsFromElsewhereAreKnown) {
  EXPECT_EQ(refusal("[collect]\nmulti_turn = [\"sum\"]\n"), "no refusal");
  EXPECT_EQ(refusal("[synthetic.made]\nfile = \"tiny/text.jsonl\"\n[synthetic.other]\nfile = \"tiny/text.jsonl\"\ncapability = \"talk\"\n"
                    "[curate]\nepochs = { sum = 2, made = 1, talk = 3 }\n[collect]\n"),
            "no refusal");
}

}  // namespace
}  // namespace drover::rounds
