// What `drover train` says of data that it cannot learn from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "cli/train_process_test.h"

namespace drover::cli {
namespace {

using ::testing::HasSubstr;
using TrainBadData = Train;

TEST_F(TrainBadData, BadRowsStopTheRunOrAreSkippedCountedAndListed) {
  folder_.write("mixed.jsonl", dialog("Name a colour.", "blue") + dialog("Well?", "") + "{\n" + dialog("Name a river.", "The Nile."));
  const auto stopped = train("sft start mixed.jsonl -o out");
  EXPECT_EQ(stopped.status, 1);
  EXPECT_THAT(stopped.errors, HasSubstr("mixed.jsonl, line 2: there is nothing to learn"));
  const auto skipped = train("sft start mixed.jsonl -o out --on-bad-row skip --steps 1");
  EXPECT_EQ(skipped.status, 0) << skipped.errors;
  EXPECT_THAT(skipped.errors, HasSubstr("2 rows skipped, line 2, 3; the first: there is nothing to learn"));
  EXPECT_THAT(skipped.errors, HasSubstr("sft: 2 rows"));
}

TEST_F(TrainBadData, BadDataAreNamedInOneSentence) {
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
  EXPECT_THAT(message("classify start empty.jsonl"), HasSubstr("the file is empty"));
  EXPECT_THAT(message("classify start dialogs.jsonl --on-bad-row skip"), HasSubstr("dialogs.jsonl holds no rows that can be learned: all 3 are bad; line 1: "));
  EXPECT_THAT(message("sft start formats.jsonl"), HasSubstr("formats.jsonl, line 2: a row of another shape"));
  EXPECT_THAT(message("dpo start equal.jsonl"), HasSubstr("equal.jsonl, line 1"));
  EXPECT_THAT(message("outcome start labels.jsonl"), HasSubstr("labels.jsonl, line 1: the label 3 is neither"));
  EXPECT_THAT(message("sft start long.jsonl"), HasSubstr("long.jsonl, line 1: the row has"));
  EXPECT_THAT(message("sft start dialogs.jsonl --beta 0.2"), HasSubstr("--beta is an option of `drover train dpo`"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "out"));
}

TEST_F(TrainBadData, RowsOfAnotherShapeThanTheFirstAreRefused) {
  const auto message = [&](const std::string& kind, const std::string& rows) {
    folder_.write("mixed.jsonl", rows);
    const auto result = train(kind + " start mixed.jsonl -o out --steps 1");
    EXPECT_EQ(result.status, 1) << kind;
    EXPECT_EQ(result.num_error_lines(), 1) << result.errors;
    return result.errors;
  };
  const std::string completion = R"({"prompt": "2+2?", "completion": "4", )";
  EXPECT_THAT(message("outcome", dialog("2+2?", "4", {{"label", true}}) + completion + "\"label\": true}\n"),
              HasSubstr("mixed.jsonl, line 2: a row of another shape: TRL prompts and completions in a file of OpenAI messages"));
  EXPECT_THAT(message("steps", completion + "\"labels\": [true]}\n" + R"({"prompt": "2+2?", "completions": ["4"], "labels": [true]})" + "\n"),
              HasSubstr("line 2: a row of another shape"));
  EXPECT_THAT(message("classify", dialog("2+2?", "4", {{"label", "math"}}) + dialog("2+2?", "4", {{"label", 1}})),
              HasSubstr("numbered classes in a file of OpenAI messages, named classes"));
  EXPECT_THAT(message("lm", "{\"text\": \"some words\"}\n" + dialog("2+2?", "4", {{"text", "other words"}})),
              HasSubstr("line 2: a row of another shape: it has \"messages\" beside its \"text\""));
}

TEST_F(TrainBadData, ARowThatIsSkippedDoesNotDecideTheShapeOfTheOthers) {
  const std::string skip = " -o out --on-bad-row skip --steps 1 --max-tokens 80";
  std::string many;
  for (int i = 0; i < 100; ++i) many += "word ";
  const std::string completion = json{{"prompt", "2+2?"}, {"completion", many}, {"label", true}}.dump() + "\n";
  folder_.write("outcomes.jsonl", completion + dialog("2+2?", "4", {{"label", true}}) + dialog("2+2?", "5", {{"label", false}}));
  const auto outcomes = train("outcome start outcomes.jsonl" + skip);
  ASSERT_EQ(outcomes.status, 0) << outcomes.errors;
  EXPECT_THAT(outcomes.errors, HasSubstr("1 rows skipped, line 1"));
  EXPECT_THAT(outcomes.errors, HasSubstr("outcome: 2 rows"));
  // A row that is too long decides neither the shape nor the classes.
  folder_.write("classes.jsonl", dialog("2+2?", many, {{"label", 3}}) + dialog("2+2?", "4", {{"label", "math"}}) + dialog("Sort?", "Yes.", {{"label", "code"}}));
  const auto classes = train("classify start classes.jsonl" + skip);
  ASSERT_EQ(classes.status, 0) << classes.errors;
  EXPECT_THAT(classes.errors, HasSubstr("1 rows skipped, line 1"));
  EXPECT_EQ(json::parse(read_whole(folder_.path() / "out/config.json")).at("id2label"), json({{"0", "code"}, {"1", "math"}}));
}

TEST_F(TrainBadData, OptionsThatMakeNoSenseAreRefusedBeforeTheDataAreRead) {
  const auto message = [&](const std::string& arguments) {
    const auto result = train(arguments + " -o out --steps 1");
    EXPECT_EQ(result.status, 1) << arguments;
    EXPECT_EQ(result.num_error_lines(), 1) << result.errors;
    return result.errors;
  };
  EXPECT_THAT(message("sft start dialogs.jsonl --max-tokens 1"), HasSubstr("drover: max_tokens = 1 is not possible"));
  EXPECT_THAT(message("sft start dialogs.jsonl --show-rows -1"), HasSubstr("--show-rows"));
  folder_.write("classes.jsonl", dialog("2+2?", "4", {{"label", "a"}}));
  EXPECT_THAT(message("classify start classes.jsonl --labels a,b,a"), HasSubstr("--labels names \"a\" twice"));
}

TEST_F(TrainBadData, RowsLongerThanTheModelsContextAreNeverCutInSilence) {
  const auto context = model::tiny_config(100).max_positions;
  std::string words;
  for (std::int64_t i = 0; i < context; ++i) words += "word ";
  folder_.write("long.jsonl", dialog("a", words + words));
  folder_.write("documents.jsonl", json{{"text", words + words}}.dump() + "\n" + json{{"text", "a few words"}}.dump() + "\n");
  const auto refused = train("lm start documents.jsonl -o out --max-tokens 32768");
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.errors, HasSubstr("--max-tokens 32768 is more than the model's context of " + std::to_string(context) + " tokens"));
  const auto too_long = train("sft start long.jsonl -o out");
  EXPECT_EQ(too_long.status, 1);
  EXPECT_THAT(too_long.errors, HasSubstr("more than the model's context of " + std::to_string(context)));
  EXPECT_THAT(train("sft start long.jsonl -o out --max-tokens 10").errors, HasSubstr("more than max_tokens = 10"));
  const auto cut = train("lm start documents.jsonl -o out --steps 1");
  ASSERT_EQ(cut.status, 0) << cut.errors;
  EXPECT_THAT(cut.errors, HasSubstr("documents.jsonl: 1 documents are longer than "));
  EXPECT_THAT(cut.errors, HasSubstr("lm: "));
}

}  // namespace
}  // namespace drover::cli
