// `drover average` on small random models, killed, and with the dialogs that choose a soup.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/broken_weights_test.h"
#include "cli/drover_process_test.h"
#include "model/model.h"
#include "model/model_folder.h"
#include "model/random_decoder.h"
#include "text/load_tokenizer.h"
#include "train/result_folder.h"

namespace drover::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kTiny = DROVER_SOURCE_FOLDER "/recipes/tiny";

void save_random(const std::filesystem::path& folder, std::uint64_t seed, const std::string& start = "", std::int64_t hidden_size = 32) {
  const auto tokenizer = text::load_tokenizer(kTiny);
  const auto decoder = model::random_decoder(model::tiny_config(tokenizer->vocab_size(), hidden_size), seed);
  model::save_model(model::Model(decoder, tokenizer, std::nullopt, kTiny), {.start = start}, folder);
}

TEST(Average, PrintsEffectiveWeightsAndTheStart) {
  const TemporaryFolder folder;
  for (const int seed : {1, 2, 3}) save_random(folder.path() / std::to_string(seed), static_cast<std::uint64_t>(seed), "0123");
  const auto result = run_script("drover average 1 2 3 -o mean --weights 2,1,1 --json", folder);
  ASSERT_EQ(result.status, 0) << result.errors;
  EXPECT_THAT(result.errors, Not(HasSubstr("warning")));
  const auto facts = json::parse(result.output);
  EXPECT_EQ(facts.at("start"), "0123");
  EXPECT_EQ(facts.at("models").at(0), json({{"model", "1"}, {"weight", 0.5}}));
  EXPECT_EQ(facts.at("models").at(2), json({{"model", "3"}, {"weight", 0.25}}));
  EXPECT_EQ(run_script("drover info mean", folder).status, 0);
  const auto people = run_script("drover average --weights 1,3 1 2 -o mean", folder);
  ASSERT_EQ(people.status, 0) << people.errors;
  EXPECT_THAT(people.output, HasSubstr("0.750000  2\n"));
}

TEST(Average, WarnsWhereTheStartIsUnknownAndRefusesDifferentOnes) {
  const TemporaryFolder folder;
  save_random(folder.path() / "a", 1, "0123");
  save_random(folder.path() / "b", 2, "4567");
  save_random(folder.path() / "c", 3);
  const auto unknown = run_script("drover average a c -o mean", folder);
  EXPECT_EQ(unknown.status, 0);
  EXPECT_THAT(unknown.errors, HasSubstr("warning: 'c' does not say which start model"));
  const auto refusal = [&](const std::string& arguments) {
    const auto result = run_script("drover average " + arguments, folder);
    EXPECT_EQ(result.status, 1) << arguments;
    EXPECT_EQ(result.num_error_lines(), 1) << result.errors;
    return result.errors;
  };
  EXPECT_THAT(refusal("a b -o other"), HasSubstr("one was trained from the weights 4567, the other from 0123"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "other"));
  EXPECT_THAT(refusal("a -o other"), HasSubstr("two models or more"));
  EXPECT_THAT(refusal("a a -o a"), HasSubstr("is one of the models"));
  EXPECT_THAT(refusal("a a -o other --weights 1,2,3"), HasSubstr("2 models were given with 3 weights"));
  EXPECT_THAT(refusal("a a -o other --greedy-soup"), HasSubstr("go together"));
}

TEST(Average, TrainedModelsRecordTheirStart) {
  const TemporaryFolder folder;
  save_random(folder.path() / "one", 1);
  save_random(folder.path() / "two", 2);
  const auto result = run_script(R"(
    set -e
    echo '{"messages": [{"role": "user", "content": "1+2"}, {"role": "assistant", "content": "3"}]}' > d.jsonl
    train="--steps 1 --format chatml"
    drover train sft one d.jsonl -o a $train --lr 1e-3 > /dev/null
    drover train sft one d.jsonl -o b $train --lr 1e-4 --dtype bf16 > /dev/null
    drover train sft two d.jsonl -o c $train > /dev/null
    drover average a b -o mean)", folder);
  ASSERT_EQ(result.status, 0) << result.errors;
  EXPECT_THAT(result.errors, Not(HasSubstr("does not say"))) << "one start, in whatever type it was computed";
  EXPECT_EQ(run_script("drover average a c -o mean", folder).status, 1);
}

TEST(Average, ASoupDropsABrokenModel) {
  const TemporaryFolder folder;
  for (const int seed : {1, 2}) save_random(folder.path() / std::to_string(seed), static_cast<std::uint64_t>(seed), "0123");
  save_random(folder.path() / "3", 3, "0123");
  break_weights(folder.path() / "3");
  folder.write("held_out.jsonl", R"({"messages": [{"role": "user", "content": "1+2"}, {"role": "assistant", "content": "3"}]})"
                                 "\n");
  EXPECT_THAT(run_script("drover average 3 1 -o mean", folder).errors, HasSubstr("3: the tensor 'model."));
  const auto result = run_script("drover average 3 1 2 -o mean --greedy-soup --held-out held_out.jsonl --format chatml --dtype f32 --json", folder);
  ASSERT_EQ(result.status, 0) << result.errors;
  const auto facts = json::parse(result.output);
  EXPECT_EQ(facts.at("models").at(0).at("weight"), 0.0);
  const auto& tries = facts.at("tries");
  ASSERT_EQ(tries.size(), 3U);
  EXPECT_TRUE(tries[0].at("kept"));
  EXPECT_GE(tries[0].at("score").get<double>(), tries[1].at("score").get<double>());
  EXPECT_EQ(tries[1].at("kept"), tries[1].at("soup_score").get<double>() >= tries[0].at("score").get<double>());
  EXPECT_EQ(tries[2].at("model"), "3");
  EXPECT_FALSE(tries[2].at("kept"));
  EXPECT_TRUE(tries[2].at("score").is_null());
  EXPECT_GE(facts.at("score").get<double>(), tries[0].at("score").get<double>());
}

TEST(Average, TheBestRewardModelOfASoupIsTheOneThatRanksHeldOutPairsAsPeopleDid) {
  const TemporaryFolder folder;
  save_random(folder.path() / "start", 1);
  const auto result = run_script(R"(
    set -e
    for i in 1 2 3 4; do echo '{"prompt": "say '$i'", "chosen": "yes", "rejected": "no"}'; done > good.jsonl
    for i in 1 2 3 4; do echo '{"prompt": "say '$i'", "chosen": "no", "rejected": "yes"}'; done > bad.jsonl
    train="--steps 20 --format chatml --lr 1e-2 --schedule constant --threads 1"
    drover train reward start good.jsonl -o good $train > /dev/null
    drover train reward start bad.jsonl -o bad $train > /dev/null
    drover average bad good -o mean --greedy-soup --held-out good.jsonl --format chatml --json --threads 1)",
                                 folder);
  ASSERT_EQ(result.status, 0) << result.errors;
  const auto tries = json::parse(result.output).at("tries");
  EXPECT_EQ(tries[0].at("model"), "good");
  EXPECT_GT(tries[0].at("score").get<double>(), -0.693) << "log one half is what a model without a preference has";
  EXPECT_LT(tries[1].at("score").get<double>(), -0.693);
}

TEST(Average, HeldOutRowsAreNoLongerThanTheModelsContext) {
  const TemporaryFolder folder;
  for (const int seed : {1, 2}) save_random(folder.path() / std::to_string(seed), static_cast<std::uint64_t>(seed), "0123");
  const auto context = model::tiny_config(100).max_positions;
  std::string words;
  for (std::int64_t i = 0; i < context; ++i) words += "7 + ";
  folder.write("long.jsonl", json{{"prompt", "say it"}, {"completion", words}}.dump() + "\n");
  const auto result = run_script("drover average 1 2 -o mean --greedy-soup --held-out long.jsonl --format chatml", folder);
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.num_error_lines(), 1) << result.errors;
  EXPECT_THAT(result.errors, HasSubstr("long.jsonl, line 1: the row has "));
  EXPECT_THAT(result.errors, HasSubstr("more than the model's context of " + std::to_string(context)));
}

TEST(Average, ThePlaceOfTheResultIsLookedAtBeforeAnythingIsScored) {
  const TemporaryFolder folder;
  for (const int seed : {1, 2}) save_random(folder.path() / std::to_string(seed), static_cast<std::uint64_t>(seed), "0123");
  std::filesystem::create_directory(folder.path() / "full");
  folder.write("full/of.txt", "other things");
  const auto refusal = [&](const std::string& out) {
    // The held-out file is missing: whoever began to score would say so.
    const auto result = run_script("drover average 1 2 --greedy-soup --held-out missing.jsonl --format chatml -o " + out, folder);
    EXPECT_EQ(result.status, 1);
    return result.errors;
  };
  EXPECT_THAT(refusal("full"), HasSubstr("holds other files than a model"));
  const train::ResultFolder held(folder.path() / "mean", {.sources = {}});
  EXPECT_THAT(refusal("mean"), HasSubstr("Another run is using mean."));
}

TEST(Average, NoModelThatIsAveragedIsReplaced) {
  const TemporaryFolder folder;
  save_random(folder.path() / "base", 1, "0123");
  save_random(folder.path() / "out", 2, "0123");
  save_random(folder.path() / "out/checkpoint-500", 3, "0123");
  const auto beside = run_script("drover average base out/checkpoint-500 -o out", folder);
  EXPECT_EQ(beside.status, 1);
  EXPECT_THAT(beside.errors, HasSubstr("'out' holds 'checkpoint-500' too"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "out/checkpoint-500/model.safetensors"));
}

TEST(Average, AnAdapterIsToBeMergedFirst) {
  const TemporaryFolder folder;
  save_random(folder.path() / "start", 1);
  const auto result = run_script(R"(
    set -e
    echo '{"messages": [{"role": "user", "content": "1+2"}, {"role": "assistant", "content": "3"}]}' > d.jsonl
    drover train sft start d.jsonl -o adapter --steps 1 --format chatml --lora-rank 2 --threads 1 > /dev/null 2>&1
    drover average adapter start -o mean)", folder);
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.errors, "drover: 'adapter' is an adapter and no whole model: merge it first, with `drover merge adapter -o FOLDER`.\n");
  EXPECT_THAT(run_script("drover average start adapter -o mean", folder).errors, HasSubstr("merge it first"));
}

TEST(Average, AKilledRunLeavesNoHalfWrittenFolder) {
  const TemporaryFolder folder;
  for (const int seed : {1, 2}) save_random(folder.path() / std::to_string(seed), static_cast<std::uint64_t>(seed), "0123", 512);
  const auto killed = run_script("drover average 1 2 -o mean & pid=$!; until compgen -G '.mean.*.partial' > /dev/null || ! kill -0 $pid 2> /dev/null; do :; done; "
                                 "kill -9 $pid; wait $pid; echo $?", folder);
  EXPECT_THAT(killed.output, HasSubstr("137")) << "it was killed while it wrote";
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "mean"));
  ASSERT_EQ(run_script("drover average 1 2 -o mean && drover info mean", folder).status, 0);
}

}  // namespace
}  // namespace drover::cli
