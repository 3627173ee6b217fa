#include "rounds/recipe.h"

#include <gmock/gmock.h>

#include <map>

#include "base/error.h"
#include "base/file.h"

namespace drover::rounds {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::filesystem::path kTiny = std::filesystem::path(DROVER_SOURCE_FOLDER) / "recipes" / "tiny.toml";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

/// What the reader says about tiny.toml with one change.
std::string refusal(const std::string& from, const std::string& to) {
  try {
    parse_recipe(replaced(base::read_file(kTiny), from, to), kTiny);
  } catch (const base::UserError& error) {
    return error.what();
  }
  return "no refusal";
}

TEST(Recipe, ListsAndTablesOfNumbersAreReadAndChecked) {
  const auto recipe = parse_recipe(replaced(base::read_file(kTiny), "[sft]\n", "[curate]\nepochs = { sum = 2, difference = 0.5 }\n[sft]\n"), kTiny);
  EXPECT_EQ(recipe.curate.epochs, (std::map<std::string, double>{{"difference", 0.5}, {"sum", 2}}));
  EXPECT_THAT(refusal("[sft]\n", "[curate]\nepochs = { sum = -1 }\n[sft]\n"), HasSubstr("\"sum\""));
  EXPECT_THAT(refusal("variants = 2", "variants = 2, variant_learning_rates = [1e-5, 2]"), HasSubstr("at most 1"));
}

TEST(Recipe, ReadsTheTinyOne) {
  const auto recipe = read_recipe(kTiny);
  EXPECT_EQ(recipe.name, "tiny");
  EXPECT_EQ(recipe.models.bootstrap.size(), 2U);
  EXPECT_EQ(recipe.start.size(), 2U);
  EXPECT_EQ(recipe.start[1].seed, 2U);
  EXPECT_GE(recipe.reject.replies_per_prompt, 10);
  EXPECT_GE(recipe.sft.train.variants, 2);
  EXPECT_EQ(recipe.dpo.beta, 0.1);        // the report's, by default
  EXPECT_EQ(recipe.dpo.nll_weight, 0.2);  // the same
}

TEST(Recipe, RefusesUnknownKeysWithTheLineAndTheNearestKey) {
  EXPECT_THAT(refusal("replies_per_prompt", "replies_per_promt"),
              AllOf(HasSubstr("tiny.toml, line "), HasSubstr("\"replies_per_promt\" in [reject]"),
                    HasSubstr("did you mean \"replies_per_prompt\"")));
  EXPECT_THAT(refusal("[collect]", "[colect]"),
              AllOf(HasSubstr("\"colect\" in the recipe"), HasSubstr("did you mean \"collect\"")));
  EXPECT_THAT(refusal("hidden_size = 64", "hiden_size = 64"), HasSubstr("[start.first]"));
}

TEST(Recipe, RefusesValuesOfTheWrongKindOrOutOfRange) {
  EXPECT_THAT(refusal("rounds = 6", "rounds = \"one\""),
              AllOf(HasSubstr("line 6"), HasSubstr("must be a whole number")));
  EXPECT_THAT(refusal("rounds = 6", "rounds = 0"), HasSubstr("is 0, but must be at least 1"));
  EXPECT_THAT(refusal("rounds = 6", "rounds = 1.5"), HasSubstr("must be a whole number"));
  EXPECT_THAT(refusal("annotators = [\"verifier\"]", "annotators = [\"verfier\"]"), HasSubstr("did you mean \"verifier\""));
  EXPECT_THAT(refusal("data_share = 0.9", "data_share = 0"), HasSubstr("must be above 0"));
  EXPECT_THAT(refusal("temperature = 1.0", "temperature = nan"), HasSubstr("temperature"));
  EXPECT_THAT(refusal("[sft]\ntrain = {", "[sft]\ntrain = [] #"), HasSubstr("must be a table"));
}

TEST(Recipe, RefusesNamesThatReferToNothing) {
  EXPECT_THAT(refusal("pretrained = \"first\"", "pretrained = \"frst\""), HasSubstr("did you mean \"first\""));
  EXPECT_THAT(refusal("[\"first\", \"second\"]", "[\"first\"]"), HasSubstr("two or more models"));
  EXPECT_THAT(refusal("[\"first\", \"second\"]", "[\"first\", \"first\"]"), HasSubstr("names one model twice"));
  EXPECT_THAT(refusal("name = \"tiny\"", "name = \"../tiny\""), HasSubstr("\"name\" must be a word"));
}

TEST(Recipe, RefusesALowestTemperatureAboveTheSamplings) {
  EXPECT_THAT(refusal("[reject]\n", "[reject]\nlowest_temperature = 1.5\n"),
              AllOf(HasSubstr("lowest_temperature"), HasSubstr("1.5"), HasSubstr("temperature 1;")));
}

TEST(Recipe, WhoAsksTheJudgeNeedsOne) {
  for (const auto* asked : {"topics = \"judge\"", "difficulty = true"})
    EXPECT_THAT(refusal("[sft]\n", std::string("[curate]\n") + asked + "\n[sft]\n"), HasSubstr("[judge] names no \"model\"")) << asked;
}

TEST(Recipe, SaysWhereTheTomlIsBroken) {
  EXPECT_THAT(refusal("[models]", "[models"), HasSubstr("tiny.toml, line 9"));
  EXPECT_THAT(refusal("seed = 1", "seed = 1\nseed = 2"), HasSubstr("line"));
}

TEST(Recipe, OptionsThatOnlyChangeSpeedAreNotPartOfAKey) {
  auto recipe = read_recipe(kTiny);
  const auto before = key_text(recipe.sft);
  recipe.sft.train.packed_tokens = 17;
  EXPECT_EQ(key_text(recipe.sft), before);
  recipe.sft.train.learning_rate *= 2;
  EXPECT_NE(key_text(recipe.sft), before);
}

}  // namespace
}  // namespace drover::rounds
