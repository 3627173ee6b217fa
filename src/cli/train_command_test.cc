// `drover train` on small random models: what it reads, says and refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "cli/drover_process_test.h"
#include "model/model_path.h"
#include "model/model.h"
#include "model/random_decoder.h"
#include "text/load_tokenizer.h"

namespace drover::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<json> objects_of(const std::string& text) {
  std::vector<json> objects;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) objects.push_back(json::parse(line));
  return objects;
}

std::string dialog(const std::string& question, const std::string& answer, const json& more = json::object()) {
  json row = {{"messages", {{{"role", "user"}, {"content", question}}, {{"role", "assistant"}, {"content", answer}}}}};
  row.update(more);
  return row.dump() + "\n";
}

std::string preference(const std::string& question, const std::string& chosen, const std::string& rejected, const std::string& level = "better") {
  return json{{"prompt", question}, {"chosen", chosen}, {"rejected", rejected}, {"level", level}}.dump() + "\n";
}

class Train : public testing::Test {
 protected:
  void SetUp() override {
    DROVER_NEEDS_SMALL_MODEL();
    const auto source = model::model_path("smollm2-135m-instruct");
    const auto tokenizer = text::load_tokenizer(source);
    model::Model(model::random_decoder(model::tiny_config(tokenizer->vocab_size()), 5), tokenizer, text::read_chat_template(source), source)
        .save(folder_.path() / "start");
    folder_.write("dialogs.jsonl", dialog("Name a colour.", "blue") + dialog("Name a river.", "The Nile.") + dialog("Name a number.", "Four."));
    folder_.write("pairs.jsonl", preference("Name a colour.", "blue", "I would rather not.") + preference("Name a river.", "The Nile.", "No.") +
                                     preference("Name a number.", "Four.", "Five.", "slightly_better"));
  }

  ProcessResult train(const std::string& arguments) const {
    return run_script("export XDG_CACHE_HOME=$PWD/cache; drover train " + arguments + " --threads 1", folder_);
  }

  TemporaryFolder folder_;
};

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

TEST_F(Train, DpoKeepsTheReferenceInTheUsersCache) {
  const auto first = train("dpo start pairs.jsonl -o out --steps 2 --rows-per-step 2 --json");
  ASSERT_EQ(first.status, 0) << first.errors;
  EXPECT_NEAR(objects_of(first.output)[0].at("metrics").at("margin").get<double>(), 0.0, 1e-5);
  EXPECT_EQ(run_script("ls cache/drover/reference | wc -l", folder_).output, "1\n");
  const auto again = train("dpo start pairs.jsonl -o out2 --steps 2 --rows-per-step 2 --json --reference-cache none");
  EXPECT_EQ(objects_of(again.output)[1].at("loss"), objects_of(first.output)[1].at("loss"));
}

TEST_F(Train, HeadsAreTrainedFromLabels) {
  folder_.write("outcomes.jsonl", dialog("2+2?", "4", {{"label", true}}) + dialog("2+2?", "5", {{"label", 0.25}}) +
                                      R"({"prompt": "3+3?", "responses": ["6", "7"], "labels": [true, false]})" + "\n");
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

TEST_F(Train, BadRowsStopTheRunOrAreSkippedCountedAndListed) {
  folder_.write("mixed.jsonl", dialog("Name a colour.", "blue") + dialog("Well?", "") + "{\n" + dialog("Name a river.", "The Nile."));
  const auto stopped = train("sft start mixed.jsonl -o out");
  EXPECT_EQ(stopped.status, 1);
  EXPECT_THAT(stopped.errors, HasSubstr("mixed.jsonl, line 2: there is nothing to learn"));
  const auto skipped = train("sft start mixed.jsonl -o out --on-bad-row skip --steps 1");
  EXPECT_EQ(skipped.status, 0) << skipped.errors;
  EXPECT_THAT(skipped.errors, HasSubstr("2 rows skipped, line 2, 3; the first: there is nothing to learn"));
  EXPECT_THAT(skipped.errors, HasSubstr("sft: 2 rows"));
}

TEST_F(Train, BadDataAreNamedInOneSentence) {
  folder_.write("empty.jsonl", "");
  folder_.write("formats.jsonl", dialog("a", "b") + R"({"prompt": "a", "completion": "b"})" + "\n");
  folder_.write("equal.jsonl", preference("a", "same", "same"));
  folder_.write("labels.jsonl", dialog("2+2?", "4", {{"label", 3}}));
  folder_.write("long.jsonl", dialog("a", std::string(20000, 'x')));
  const auto message = [&](const std::string& arguments) {
    const auto result = train(arguments + " -o out");
    EXPECT_EQ(result.status, 1) << arguments;
    EXPECT_EQ(result.num_error_lines(), 1) << result.errors;
    return result.errors;
  };
  EXPECT_THAT(message("sft start empty.jsonl"), HasSubstr("the file is empty"));
  EXPECT_THAT(message("outcome start empty.jsonl"), HasSubstr("the file is empty"));
  EXPECT_THAT(message("sft start formats.jsonl"), HasSubstr("formats.jsonl, line 2: a row of another shape"));
  EXPECT_THAT(message("dpo start equal.jsonl"), HasSubstr("equal.jsonl, line 1"));
  EXPECT_THAT(message("outcome start labels.jsonl"), HasSubstr("labels.jsonl, line 1: the label 3 is neither"));
  EXPECT_THAT(message("sft start long.jsonl"), HasSubstr("more than max_tokens = "));
  EXPECT_THAT(message("sft start dialogs.jsonl --beta 0.2"), HasSubstr("--beta is an option of `drover train dpo`"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "out"));
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

TEST_F(Train, AdaptersAreWrittenInPeftsFormatMergedAndUsed) {
  const auto result = train("sft start dialogs.jsonl -o adapter --steps 3 --rows-per-step 3 --lr 1e-2 --lora-rank 4 --lora-targets q_proj,down_proj --seed 9 --json");
  ASSERT_EQ(result.status, 0) << result.errors;
  EXPECT_THAT(result.errors, HasSubstr("numbers learn, "));
  EXPECT_LT(objects_of(result.output)[2].at("loss").get<double>(), objects_of(result.output)[0].at("loss").get<double>());
  const auto config = json::parse(read_whole(folder_.path() / "adapter/adapter_config.json"));
  EXPECT_EQ(config.at("r"), 4);
  EXPECT_EQ(config.at("lora_alpha"), 8);
  EXPECT_EQ(config.at("target_modules"), json({"q_proj", "down_proj"}));
  const auto merged = run_script("drover merge adapter -o merged --json", folder_);
  ASSERT_EQ(merged.status, 0) << merged.errors;
  EXPECT_EQ(json::parse(merged.output).at("pairs"), 4);
  EXPECT_EQ(json::parse(merged.output).at("start_known"), true);
  const auto of = [&](const std::string& model) {
    return run_script("drover logprobs " + model + " dialogs.jsonl --json --dtype f32", folder_).output;
  };
  EXPECT_THAT(of("start"), HasSubstr("log"));
  EXPECT_EQ(of("adapter"), of("merged")) << "an adapter's folder is merged on loading";
  EXPECT_NE(of("merged"), of("start"));
  EXPECT_EQ(run_script("drover merge adapter -o start", folder_).status, 1) << "the base is not written over";
  const auto other = run_script("drover merge adapter -o other --base merged", folder_);
  EXPECT_EQ(other.status, 1);
  EXPECT_THAT(other.errors, HasSubstr("was trained over other weights"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "other"));
}

TEST_F(Train, ARewardAdapterBringsItsHead) {
  const auto result = train("reward start pairs.jsonl -o judge --steps 2 --lora-rank 2 --lr 1e-3 --json");
  ASSERT_EQ(result.status, 0) << result.errors;
  ASSERT_EQ(run_script("drover merge judge -o merged", folder_).status, 0);
  const auto own = run_script("drover score judge dialogs.jsonl --json --dtype f32 --threads 1", folder_);
  EXPECT_EQ(own.status, 0) << own.errors;
  EXPECT_EQ(own.output, run_script("drover score merged dialogs.jsonl --json --dtype f32 --threads 1", folder_).output);
}

TEST_F(Train, WhatIsWrongWithAdapterOptionsIsNamedBeforeAnythingIsLoaded) {
  EXPECT_THAT(train("sft start dialogs.jsonl -o out --lora-rank 4 --lora-targets q_porj").errors, HasSubstr("did you mean \"q_proj\"?"));
  EXPECT_THAT(train("sft start dialogs.jsonl -o out --lora-alpha 4").errors, HasSubstr("give lora_rank too"));
  EXPECT_THAT(train("sft start dialogs.jsonl -o out --lora-rank -1").errors, HasSubstr("lora_rank = -1 is not possible"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "out"));
}

TEST_F(Train, AKilledAdapterRunGoesOnBitForBit) {
  const std::string run = "dpo start pairs.jsonl --steps 60 --rows-per-step 2 --lr 1e-4 --checkpoint-every 3 --json --lora-rank 4";
  const auto whole = train(run + " -o whole");
  ASSERT_EQ(whole.status, 0) << whole.errors;
  EXPECT_EQ(objects_of(whole.output)[0].at("metrics").at("margin"), 0.0);
  const auto killed = run_script("export XDG_CACHE_HOME=$PWD/cache; drover train " + run +
                                     " -o resumed --checkpoint saved --threads 1 > part.jsonl & "
                                     "until [ $(wc -l < part.jsonl) -ge 8 ]; do sleep 0.01; done; kill -9 $!; wait $!",
                                 folder_);
  EXPECT_EQ(killed.status, 128 + 9);
  const auto rest = train(run + " -o resumed --checkpoint saved");
  ASSERT_EQ(rest.status, 0) << rest.errors;
  ASSERT_LT(objects_of(rest.output).size(), 60U) << "it went on from a checkpoint";
  EXPECT_EQ(read_whole(folder_.path() / "resumed/adapter_model.safetensors"), read_whole(folder_.path() / "whole/adapter_model.safetensors"));
}

TEST_F(Train, AFullDiskDuringACheckpointLosesNothing) {
  const std::string run = "sft start dialogs.jsonl -o out --steps 6 --checkpoint saved --checkpoint-every 2 --json --lr 1e-3";
  const auto whole = train(run);
  ASSERT_EQ(whole.status, 0) << whole.errors;
  const auto expected = run_script("drover info out --json", folder_).output;
  run_script("rm -rf out saved", folder_);
  // Files may not grow beyond a few kilobytes, which a full disk looks like: the first checkpoint cannot be written.
  const auto full = run_script("trap '' XFSZ; ulimit -f 64; drover train " + run + " --threads 1", folder_);
  EXPECT_EQ(full.status, 3);
  EXPECT_EQ(run_script("ls saved", folder_).output, "lock\n") << "no half-written checkpoint";
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "out"));
  const auto again = train(run);
  ASSERT_EQ(again.status, 0) << again.errors;
  EXPECT_EQ(run_script("drover info out --json", folder_).output, expected);
}

TEST_F(Train, ARunThatWasKilledGoesOnBitForBit) {
  const std::string run = "dpo start pairs.jsonl --steps 60 --rows-per-step 2 --lr 1e-4 --checkpoint-every 3 --json";
  const auto whole = train(run + " -o whole");
  ASSERT_EQ(whole.status, 0) << whole.errors;
  const auto killed = run_script("export XDG_CACHE_HOME=$PWD/cache; drover train " + run +
                                     " -o resumed --checkpoint saved --threads 1 > part.jsonl & "
                                     "until [ $(wc -l < part.jsonl) -ge 8 ]; do sleep 0.01; done; kill -9 $!; wait $!",
                                 folder_);
  EXPECT_EQ(killed.status, 128 + 9);
  const auto rest = train(run + " -o resumed --checkpoint saved");
  ASSERT_EQ(rest.status, 0) << rest.errors;
  const auto expected = objects_of(whole.output), resumed = objects_of(rest.output);
  ASSERT_LT(resumed.size(), expected.size()) << "it went on from a checkpoint";
  for (std::size_t i = 0; i < resumed.size(); ++i) {
    const auto& same = expected[expected.size() - resumed.size() + i];
    for (const std::string key : {"step", "loss", "loss_z", "grad_norm", "metrics"}) EXPECT_EQ(resumed[i].at(key), same.at(key));
  }
  EXPECT_EQ(read_whole(folder_.path() / "resumed/model.safetensors"), read_whole(folder_.path() / "whole/model.safetensors"));
}

}  // namespace
}  // namespace drover::cli
