#include <gmock/gmock.h>

#include <map>
#include <memory>

#include "chat/chat_format.h"
#include "model/model.h"
#include "model/random_decoder.h"
#include "rounds/round.h"
#include "rounds/tiny_recipe_test.h"
#include "text/load_tokenizer.h"

namespace drover::rounds {
namespace {

using ::testing::AnyOf;

// A classifier of two topics, as `drover train classify` leaves one, but untrained.
void write_classifier(const std::filesystem::path& folder) {
  const auto tokenizer_path = std::filesystem::path(DROVER_SOURCE_FOLDER) / "recipes/tiny";
  const auto tokenizer = text::load_tokenizer(tokenizer_path);
  auto config = model::tiny_config(tokenizer->vocab_size(), 16);
  config.max_positions = 256;
  config.head = {.kind = model::HeadKind::kClasses, .num_labels = 2, .seed = 1, .labels = {"sums / small", "differences"}};
  config.validate();
  model::Model(model::random_decoder(config, 1), tokenizer, std::nullopt, tokenizer_path).save(folder);
}

TEST(CurationTopics, AreRecordedWithEachReplyAndCounted) {
  const TemporaryFolder folder("topics");
  write_classifier(folder.path() / "classifier");
  const auto recipe = tiny_recipe({{"rounds = 6", "rounds = 1"},
                                   {"steps = 900", "steps = 120"},
                                   {"replies_per_prompt = 10", "replies_per_prompt = 4"},
                                   {"[collect]\n", "[curate]\ntopics = \"" + (folder.path() / "classifier").string() + "\"\n[collect]\n"}});
  run_recipe(recipe, {.home = folder.path() / "home", .last_stage = "curate", .on_progress = {}, .on_stage = {}});
  const ledger::Ledger ledger(folder.path() / "home/ledger.sqlite", ledger::Ledger::OpenMode::kReadOnly);
  const auto stages = ledger.stages_of_run(ledger.latest_run()->run);
  std::int64_t counted = 0;
  for (const auto& metric : ledger.metrics_of(stages.back())) {
    if (metric.name == "topic") counted += metric.count;
  }
  std::int64_t sorted = 0;
  for (const auto& score : ledger.scores_of(stages.back())) {
    if (score.scorer != "topic") continue;
    ++sorted;
    EXPECT_THAT(score.reason, AnyOf("sums / small", "differences"));
  }
  EXPECT_GT(sorted, 0);
  EXPECT_EQ(sorted, counted);
}

TEST(CurationTopics, ThatAJudgeWithoutASayLeavesAreCounted) {
  const TemporaryFolder folder("topics-no-judge");
  base::write_file_atomically(folder.path() / "pairs.jsonl", R"({"input": "1+1", "output_1": "2", "output_2": "3", "label": 1})" "\n");
  const auto recipe = tiny_recipe({{"rounds = 6", "rounds = 1"},
                                   {"steps = 900", "steps = 120"},
                                   {"replies_per_prompt = 10", "replies_per_prompt = 4"},
                                   {"[collect]\n", "[judge]\nmodel = \"first\"\ncalibrate_on = [\"" + (folder.path() / "pairs.jsonl").string() +
                                                       "\"]\n[curate]\ntopics = \"judge\"\n[collect]\n"}});
  run_recipe(recipe, {.home = folder.path() / "home", .last_stage = "curate", .on_progress = {}, .on_stage = {}});
  const ledger::Ledger ledger(folder.path() / "home/ledger.sqlite", ledger::Ledger::OpenMode::kReadOnly);
  std::vector<std::string> topics;
  for (const auto& metric : ledger.metrics_of(ledger.stages_of_run(ledger.latest_run()->run).back())) {
    if (metric.name != "topic") continue;
    topics.push_back(metric.subject);
    EXPECT_GT(metric.count, 0);
  }
  EXPECT_THAT(topics, ::testing::ElementsAre("no judge"));
}

// The judge here is of random weights: it says anything, in the form that is asked for.
TEST(CurationDifficulty, IsTheJudgesPointsAndTheIntentionsBehindThePrompt) {
  const TemporaryFolder folder("difficulty");
  base::write_file_atomically(folder.path() / "pairs.jsonl", R"({"input": "1+1", "output_1": "2", "output_2": "3", "label": 1})" "\n");
  const auto recipe =
      tiny_recipe({{"rounds = 6", "rounds = 1"},
                   {"steps = 900", "steps = 120"},
                   {"replies_per_prompt = 10", "replies_per_prompt = 4"},
                   {"[prompts.sums]\n",
                    "[start.judge]\nseed = 3\ntokenizer = \"tiny\"\ntext = \"tiny/text.jsonl\"\nhidden_size = 16\nintermediate_size = 32\n"
                    "max_positions = 8192\ntrain = { learning_rate = 1e-6, steps = 1 }\n[prompts.sums]\n"},
                   {"[collect]\n", "[judge]\nmodel = \"judge\"\nforce = true\ncalibrate_on = [\"" + (folder.path() / "pairs.jsonl").string() +
                                       "\"]\n[curate]\ndifficulty = true\n[collect]\n"}});
  run_recipe(recipe, {.home = folder.path() / "home", .last_stage = "curate", .on_progress = {}, .on_stage = {}});
  const ledger::Ledger ledger(folder.path() / "home/ledger.sqlite", ledger::Ledger::OpenMode::kReadOnly);
  std::map<std::string, std::int64_t> scored;
  for (const auto& score : ledger.scores_of(ledger.stages_of_run(ledger.latest_run()->run).back())) ++scored[score.scorer];
  EXPECT_GT(scored["judge difficulty"], 0);
  EXPECT_GT(scored["judge intentions"], 0);
}

}  // namespace
}  // namespace drover::rounds
