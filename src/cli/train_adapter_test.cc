// `drover train` with low-rank adapters, and `drover merge`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "cli/train_process_test.h"

namespace drover::cli {
namespace {

using ::testing::HasSubstr;
using TrainAdapter = Train;

TEST_F(TrainAdapter, AdaptersAreWrittenInPeftsFormatMergedAndUsed) {
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

TEST_F(TrainAdapter, ARewardAdapterBringsItsHead) {
  const auto result = train("reward start pairs.jsonl -o judge --steps 2 --lora-rank 2 --lr 1e-3 --json");
  ASSERT_EQ(result.status, 0) << result.errors;
  ASSERT_EQ(run_script("drover merge judge -o merged", folder_).status, 0);
  const auto own = run_script("drover score judge dialogs.jsonl --json --dtype f32 --threads 1", folder_);
  EXPECT_EQ(own.status, 0) << own.errors;
  EXPECT_EQ(own.output, run_script("drover score merged dialogs.jsonl --json --dtype f32 --threads 1", folder_).output);
}

TEST_F(TrainAdapter, WhatIsWrongWithAdapterOptionsIsNamedBeforeAnythingIsLoaded) {
  EXPECT_THAT(train("sft start dialogs.jsonl -o out --lora-rank 4 --lora-targets q_porj").errors, HasSubstr("did you mean \"q_proj\"?"));
  EXPECT_THAT(train("sft start dialogs.jsonl -o out --lora-alpha 4").errors, HasSubstr("give lora_rank too"));
  EXPECT_THAT(train("sft start dialogs.jsonl -o out --lora-rank -1").errors, HasSubstr("lora_rank = -1 is not possible"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "out"));
}

TEST_F(TrainAdapter, NoAdapterIsTrainedOverAnAdapter) {
  ASSERT_EQ(train("sft start dialogs.jsonl -o adapter --steps 1 --lora-rank 2").status, 0);
  const auto refused = train("sft adapter dialogs.jsonl -o out --steps 1 --lora-rank 2");
  EXPECT_EQ(refused.status, 1);
  EXPECT_EQ(refused.errors, "drover: 'adapter' is an adapter, and no adapter can be trained over it: merge it first, with "
                            "`drover merge adapter -o FOLDER`, or leave --lora-rank out.\n");
  const auto whole = train("sft adapter dialogs.jsonl -o out --steps 1");
  ASSERT_EQ(whole.status, 0) << whole.errors;
  EXPECT_EQ(run_script("drover info out", folder_).status, 0);
}

TEST_F(TrainAdapter, AKilledAdapterRunGoesOnBitForBit) {
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

}  // namespace
}  // namespace drover::cli
