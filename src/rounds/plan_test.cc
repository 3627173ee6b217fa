#include <gmock/gmock.h>

#include "base/error.h"
#include "model/model_shape.h"
#include "rounds/round.h"
#include "rounds/tiny_recipe_test.h"
#include "rounds/work_estimate.h"

namespace drover::rounds {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

using Changes = std::vector<std::pair<std::string, std::string>>;

const StageWork& stage(const std::vector<StageWork>& stages, const std::string& name) {
  for (const auto& each : stages) {
    if (each.stage == name) return each;
  }
  throw std::runtime_error("no stage " + name);
}

RunWork work_of(const Recipe& recipe) { return estimate_work(recipe, PromptPool(recipe), read_recipe_files(recipe)); }

TEST(Plan, CountsWhatEachStageMaySampleAndTrain) {
  const auto work = work_of(tiny_recipe());
  ASSERT_EQ(work.rounds.size(), 6U);
  // 40 prompts, 4 comparisons each of two replies of at most 6 tokens.
  EXPECT_DOUBLE_EQ(stage(work.rounds[0], "collect").tokens_sampled, 40 * 4 * 2 * 6);
  EXPECT_DOUBLE_EQ(stage(work.rounds[0], "reject").tokens_sampled, 40 * 10 * 6);
  // The reward model learns all rounds' comparisons.
  EXPECT_DOUBLE_EQ(stage(work.rounds[5], "reward").tokens_trained, 6 * stage(work.rounds[0], "reward").tokens_trained);
  EXPECT_DOUBLE_EQ(stage(work.rounds[5], "dpo").tokens_trained, stage(work.rounds[0], "dpo").tokens_trained);
}

TEST(Plan, CountsEditsDialogTurnsAndRowsFromElsewhere) {
  const TemporaryFolder folder("plan");
  const auto people = (folder.path() / "people.jsonl").string();
  base::write_file_atomically(people, R"({"prompt": "1+1", "chosen": "=2", "rejected": "=3"})" "\n");
  const auto changed = tiny_recipe({{"[collect]\n",
                                     "[preferences.people]\nfile = \"" + people + "\"\n"
                                     "[synthetic.made]\nfile = \"tiny/text.jsonl\"\nrows = 7\nfrom_round = 2\n[collect]\nedit = true\n"
                                     "multi_turn = [\"sum\"]\nturns = 3\n"}});
  const auto plain = work_of(tiny_recipe());
  const auto work = work_of(changed);
  EXPECT_GT(stage(work.rounds[0], "collect").tokens_sampled, stage(plain.rounds[0], "collect").tokens_sampled);
  EXPECT_THAT(stage(work.rounds[0], "collect").counts, AllOf(HasSubstr("edits"), HasSubstr("user turns")));
  EXPECT_THAT(stage(work.rounds[0], "synthesise").counts, HasSubstr("0 dialogs"));
  EXPECT_THAT(stage(work.rounds[1], "synthesise").counts, HasSubstr("7 dialogs"));
  EXPECT_GT(stage(work.rounds[0], "dpo").tokens_trained, stage(work.rounds[1], "dpo").tokens_trained) << "imported once";
}

TEST(Plan, TheModelsSizeComesFromItsShape) {
  const auto size = size_of_pretrained(tiny_recipe());
  ASSERT_TRUE(size);
  // Vocabulary of recipes/tiny: embeddings, then two layers of norms, attention (4 heads of 16, 2 of keys and values) and MLP.
  const std::int64_t layer = 2 * 64 + 2 * 64 * 64 + 2 * 32 * 64 + 3 * 64 * 128;
  const auto embeddings = size->parameters - 2 * layer - 64;
  EXPECT_EQ(embeddings % 64, 0);
  EXPECT_GT(embeddings, 0);
  EXPECT_GT(estimate_memory(tiny_recipe(), *size, 10).training, 16.0 * static_cast<double>(size->parameters));
}

TEST(Plan, SaysTimeAndMemoryAndWhatTheyAssume) {
  const auto text = describe_plan(tiny_recipe());
  for (const auto* part : {"time: at most about ", "memory: about ", "1 threads", "Assumed", "round 6, where it differs"})
    EXPECT_THAT(text, HasSubstr(part));
}

TEST(Plan, AMissingFileOfTheRecipeIsNamedBeforeTheHomeIsMade) {
  for (const auto& [change, table] : std::vector<std::pair<Changes, std::string>>{
           {{{"text = \"tiny/text.jsonl\"", "text = \"tiny/txt.jsonl\""}}, "\"text\" of [start.first]"},
           {{{"[collect]\n", "[synthetic.made]\nfile = \"none.jsonl\"\n[collect]\n"}}, "\"file\" of [synthetic.made]"},
           {{{"[collect]\n", "[preferences.made]\nfile = \"none.jsonl\"\n[collect]\n"}}, "\"file\" of [preferences.made]"}}) {
    const TemporaryFolder folder("plan");
    const auto recipe = tiny_recipe(change);
    try {
      describe_plan(recipe);
      ADD_FAILURE() << table;
    } catch (const base::UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr(table));
    }
    EXPECT_THROW(run_recipe(recipe, {.home = folder.path() / "home", .last_stage = {}, .on_progress = {}, .on_stage = {}}), base::UserError);
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "home"));
  }
}

}  // namespace
}  // namespace drover::rounds
