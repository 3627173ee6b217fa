// `drover train` on small random models: what it reads and says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "cli/train_process_test.h"

namespace drover::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(Train, SaysWhatItWillDoThenOneLineAStep) {
  const auto result = train("sft start dialogs.jsonl -o out --steps 2 --rows-per-step 3 --json --show-rows 1");
  ASSERT_EQ(result.status, 0) << result.errors;
  const auto steps = objects_of(result.output);
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps[1].at("step"), 2);
  EXPECT_GT(steps[1].at("peak_memory_bytes"), 0);
  EXPECT_TRUE(steps[1].at("loss_z").is_null()) << "two losses have no deviation yet";
  EXPECT_THAT(result.errors, HasSubstr("sft: 3 rows"));
  EXPECT_THAT(result.errors, HasSubstr("2 steps"));
  EXPECT_THAT(result.errors, HasSubstr("[[blue<|im_end|>]]")) << "what the first row teaches";
}

TEST_F(Train, PreferencesBelowTheLowestLevelAreLeftOutAndCounted) {
  const auto result = train("reward start pairs.jsonl -o out --steps 1 --rows-per-step 8 --json");
  ASSERT_EQ(result.status, 0) << result.errors;
  EXPECT_THAT(result.errors, HasSubstr("1 comparisons below better are left out"));
  EXPECT_THAT(result.errors, HasSubstr("reward: 2 rows"));
  EXPECT_THAT(result.errors, HasSubstr("computed once"));
  EXPECT_TRUE(objects_of(result.output)[0].at("metrics").contains("accuracy_better"));
  const auto all = train("reward start pairs.jsonl -o out2 --steps 1 --json --lowest-level slightly_better --rows causal");
  ASSERT_EQ(all.status, 0) << all.errors;
  EXPECT_THAT(all.errors, HasSubstr("reward: 3 rows"));
  const auto none = train("dpo start pairs.jsonl -o out3 --lowest-level significantly_better");
  EXPECT_EQ(none.status, 1);
  EXPECT_THAT(none.errors, HasSubstr("holds no comparison of level significantly_better"));
}

TEST_F(Train, APairCountsByItsOwnLevel) {
  folder_.write("edited.jsonl", json{{"prompt", "Name a colour."}, {"edited", "blue"}, {"chosen", "blue or so"}, {"rejected", "no"}, {"level", "slightly_better"}}.dump() + "\n");
  const auto dpo = train("dpo start edited.jsonl -o out --steps 1 --show-rows 1");
  ASSERT_EQ(dpo.status, 0) << dpo.errors;
  EXPECT_THAT(dpo.errors, HasSubstr("blue"));
  EXPECT_THAT(dpo.errors, HasSubstr("[[no]]")) << "the edit against the rejected response";
  EXPECT_THAT(dpo.errors, Not(HasSubstr("left out")));
  const auto all = train("dpo start edited.jsonl -o out2 --steps 1 --pairs all");
  EXPECT_THAT(all.errors, HasSubstr("dpo: 2 rows"));
  EXPECT_THAT(all.errors, HasSubstr("1 comparisons below better are left out"));
  const auto reward = train("reward start edited.jsonl -o out3 --steps 1 --json");
  ASSERT_EQ(reward.status, 0) << reward.errors;
  EXPECT_THAT(reward.errors, HasSubstr("1 comparisons below better are left out"));
  EXPECT_FALSE(objects_of(reward.output)[0].at("metrics").contains("accuracy_slightly_better"));
}

TEST_F(Train, DpoKeepsTheReferenceInTheUsersCache) {
  const auto first = train("dpo start pairs.jsonl -o out --steps 2 --rows-per-step 2 --json");
  ASSERT_EQ(first.status, 0) << first.errors;
  EXPECT_NEAR(objects_of(first.output)[0].at("metrics").at("margin").get<double>(), 0.0, 1e-5);
  EXPECT_EQ(run_script("ls cache/drover/reference | wc -l", folder_).output, "1\n");
  const auto again = train("dpo start pairs.jsonl -o out2 --steps 2 --rows-per-step 2 --json --reference-cache none");
  EXPECT_EQ(objects_of(again.output)[1].at("loss"), objects_of(first.output)[1].at("loss"));
}

TEST_F(Train, HeadsAreTrainedFromLabels) {
  folder_.write("outcomes.jsonl", dialog("2+2?", "4", {{"label", true}}) + dialog("2+2?", "5", {{"label", 0.25}}));
  folder_.write("samples.jsonl", R"({"prompt": "3+3?", "responses": ["6", "7"], "labels": [true, false]})" "\n");
  EXPECT_EQ(train("outcome start samples.jsonl -o samples_model --steps 1").status, 0);
  folder_.write("steps.jsonl", dialog("2+2?", "Add.\nIt is 4.", {{"labels", {true, false}}}));
  folder_.write("classes.jsonl", dialog("2+2?", "4", {{"label", "math"}}) + dialog("Sort?", "Yes.", {{"label", "code"}}));
  for (const std::string kind : {"outcome", "steps", "classify"}) {
    const std::string file = kind == "outcome" ? "outcomes" : kind == "steps" ? "steps" : "classes";
    const auto result = train(kind + " start " + file + ".jsonl -o " + kind + "_model --steps 1 --json");
    ASSERT_EQ(result.status, 0) << result.errors;
    EXPECT_TRUE(objects_of(result.output)[0].at("metrics").contains("accuracy"));
    const auto scores = run_script("drover score " + kind + "_model dialogs.jsonl --json --threads 1", folder_);
    EXPECT_EQ(scores.status, 0) << scores.errors;
  }
  const auto config = json::parse(read_whole(folder_.path() / "classify_model/config.json"));
  EXPECT_EQ(config.at("id2label").at("0"), "code");
  EXPECT_EQ(config.at("id2label").at("1"), "math");
}

TEST_F(Train, AConfigurationFileGivesOptionsAndTheCommandLineWins) {
  folder_.write("run.toml", "steps = 3\nrows_per_step = 3\nlr = 1e-4\nschedule = \"constant\"\nshow-rows = 0\n");
  const auto result = train("sft start dialogs.jsonl -o out --config run.toml --steps 2 --json");
  ASSERT_EQ(result.status, 0) << result.errors;
  const auto steps = objects_of(result.output);
  ASSERT_EQ(steps.size(), 2U) << "the command line says 2";
  EXPECT_EQ(steps[1].at("rows"), 3);
  EXPECT_DOUBLE_EQ(steps[1].at("learning_rate").get<double>(), 1e-4);
  folder_.write("typo.toml", "\nstepz = 3\n");
  const auto typo = train("sft start dialogs.jsonl -o out --config typo.toml");
  EXPECT_EQ(typo.status, 1);
  EXPECT_THAT(typo.errors, HasSubstr("typo.toml, line 2: 'stepz' is not an option of drover train (did you mean \"steps\"?)"));
  folder_.write("value.toml", "schedule = \"cosinus\"\n");
  const auto value = train("sft start dialogs.jsonl -o out --config value.toml");
  EXPECT_EQ(value.status, 1);
  EXPECT_THAT(value.errors, HasSubstr("value.toml, line 1"));
}

TEST_F(Train, TheLogHoldsEveryStep) {
  const auto result = train("sft start dialogs.jsonl -o out --steps 3 --log run.jsonl --tensorboard events");
  ASSERT_EQ(result.status, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("sft 3/3 | loss "));
  const auto logged = objects_of(read_whole(folder_.path() / "run.jsonl"));
  ASSERT_EQ(logged.size(), 3U);
  EXPECT_EQ(logged[2].at("step"), 3);
  EXPECT_EQ(run_script("ls events | grep -c tfevents", folder_).output, "1\n");
}

}  // namespace
}  // namespace drover::cli
