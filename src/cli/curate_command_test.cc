// `drover curate` from files to files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/drover_process_test.h"

namespace drover::cli {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string row(const std::string& question, const std::string& answer, const json& fields = json::object()) {
  json object = {
      {"messages", {{{"role", "user"}, {"content", question}}, {{"role", "assistant"}, {"content", answer}}}}};
  object.update(fields);
  return object.dump() + "\n";
}

std::vector<json> objects_of(const std::string& text) {
  std::vector<json> objects;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) objects.push_back(json::parse(line));
  return objects;
}

std::vector<std::string> answers_in(const std::filesystem::path& path) {
  std::vector<std::string> answers;
  for (const auto& object : objects_of(read_whole(path))) answers.push_back(object.at("messages").back().at("content"));
  return answers;
}

TEST(Curate, CleansAndRemovesAPlantedLeakAndAPlantedDuplicate) {
  const TemporaryFolder folder;
  folder.write("rows.jsonl", row("a?", "A.") + row("b?", "Wow! Wow! Wow! Wow!") + row("What is 2 + 2?", "4") +
                                 row("a?", "A.") + row("c?", ""));
  folder.write("suite.jsonl", R"({"question": "what is  2 + 2?", "answer": "4"})");
  const auto result =
      run_script("drover curate rows.jsonl -o out.jsonl --decontaminate suite.jsonl --decisions why.jsonl", folder);
  ASSERT_EQ(result.status, 0) << result.errors;
  EXPECT_THAT(answers_in(folder.path() / "out.jsonl"), ElementsAre("A.", "Wow! Wow! Wow! Wow."));
  const auto why = objects_of(read_whole(folder.path() / "why.jsonl"));
  ASSERT_EQ(why.size(), 4U);
  EXPECT_EQ(why[0].at("row"), "rows.jsonl, line 2");
  EXPECT_EQ(why[0].at("rule"), "rewritten");
  EXPECT_EQ(why[1].at("row"), "rows.jsonl, line 4");
  EXPECT_EQ(why[1].at("rule"), "duplicate");
  EXPECT_EQ(why[1].at("other"), "rows.jsonl, line 1");
  EXPECT_EQ(why[2].at("rule"), "empty");
  EXPECT_EQ(why[3].at("row"), "rows.jsonl, line 3");
  EXPECT_EQ(why[3].at("step"), "decontaminate");
  EXPECT_EQ(why[3].at("reason"), "it asks line 1 of suite.jsonl");
  EXPECT_THAT(result.output, HasSubstr("decontaminate: kept 2 of 3 rows"));
}

TEST(Curate, FieldsDecideQualityAndMix) {
  const TemporaryFolder folder;
  std::string rows;
  for (int i = 0; i < 8; ++i)
    rows += row("q" + std::to_string(i), std::to_string(i), {{"reward", i}, {"capability", "general"}});
  rows += row("code?", "c", {{"quality", 2}, {"capability", "code"}});
  folder.write("rows.jsonl", rows);
  folder.write("mix.toml", "max_epochs = 2\n[shares]\ngeneral = 1\ncode = 1\n");
  const auto result = run_script("drover curate rows.jsonl -o out.jsonl --quality --mix mix.toml --json", folder);
  ASSERT_EQ(result.status, 0) << result.errors;
  EXPECT_THAT(answers_in(folder.path() / "out.jsonl"), ElementsAre("6", "7", "c", "c"));
  const auto summary = json::parse(result.output);
  EXPECT_EQ(summary.at("steps")[1].at("rules").at("judge"), 1);
  EXPECT_EQ(summary.at("table").back().at("examples"), 4);
}

TEST(Curate, ADryRunWritesNothing) {
  const TemporaryFolder folder;
  folder.write("rows.jsonl", row("a?", "A."));
  const auto result = run_script("drover curate rows.jsonl -o out.jsonl --dry-run", folder);
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.output, HasSubstr("clean: kept 1 of 1 rows"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "out.jsonl"));
}

TEST(Curate, MistakesAreNamedAndTheOldOutputStays) {
  const TemporaryFolder folder;
  folder.write("rows.jsonl", row("a?", "A.") + row("b?", "B.", {{"reward", "high"}}));
  folder.write("out.jsonl", "old\n");
  const auto bad = run_script("drover curate rows.jsonl -o out.jsonl", folder);
  EXPECT_EQ(bad.status, 1);
  EXPECT_THAT(bad.errors, HasSubstr("rows.jsonl, line 2: reward: expected a number, found a text"));
  EXPECT_EQ(bad.num_error_lines(), 1);
  EXPECT_EQ(read_whole(folder.path() / "out.jsonl"), "old\n");
  EXPECT_THAT(run_script("drover curate rows.jsonl -o out.jsonl --rules emptie", folder).errors,
              HasSubstr("no rule 'emptie' (did you mean \"empty\"?)"));
  EXPECT_THAT(run_script("drover curate rows.jsonl", folder).errors, HasSubstr("-o FILE"));
  EXPECT_THAT(run_script("drover curate rows.jsonl -o - --json", folder).errors,
              HasSubstr("--json both need standard output"));
  EXPECT_THAT(run_script("drover curate rows.jsonl -o out.jsonl --dedup 1.5", folder).errors, HasSubstr("at most 1"));
  const auto skipped = run_script("drover curate rows.jsonl -o out.jsonl --on-bad-row skip", folder);
  EXPECT_EQ(skipped.status, 0);
  EXPECT_THAT(skipped.errors, HasSubstr("1 row skipped"));
  EXPECT_THAT(answers_in(folder.path() / "out.jsonl"), ElementsAre("A."));
}

TEST(Curate, WhenNoRowIsLeftNothingIsWrittenButWhy) {
  const TemporaryFolder folder;
  folder.write("rows.jsonl", row("a?", ""));
  const auto result = run_script("drover curate rows.jsonl -o out.jsonl --decisions why.jsonl", folder);
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.errors, HasSubstr("No row is left: the step 'clean' dropped the last 1."));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "out.jsonl"));
  EXPECT_EQ(objects_of(read_whole(folder.path() / "why.jsonl")).size(), 1U);
}

TEST(Curate, AParaphraseOfLessWorthIsANearDuplicate) {
  const char* user = std::getenv("HOME");
  const char* home = std::getenv("DROVER_HOME");
  const auto models = home != nullptr ? std::filesystem::path(home)
                                      : std::filesystem::path(user != nullptr ? user : ".") / ".local/share/drover";
  if (!std::filesystem::exists(models / "models/all-minilm-l6-v2"))
    GTEST_SKIP() << "all-minilm-l6-v2 is not installed: run scripts/setup";
  const TemporaryFolder folder;
  folder.write("rows.jsonl",
               row("What is the capital of France?", "The capital of France is Paris.", {{"difficulty", 1}}) +
                   row("Which city is the capital of France?", "The capital of France is Paris.", {{"difficulty", 2}}) +
                   row("How do I bake bread?", "Mix flour, water, salt and yeast, and bake it.", {{"difficulty", 1}}));
  const auto result =
      run_script("drover curate rows.jsonl -o out.jsonl --dedup 0.9 --decisions why.jsonl --threads 1", folder);
  ASSERT_EQ(result.status, 0) << result.errors;
  const auto kept = objects_of(read_whole(folder.path() / "out.jsonl"));
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].at("difficulty"), 2.0) << "the harder one stays";
  EXPECT_EQ(objects_of(read_whole(folder.path() / "why.jsonl")).at(0).at("other"), "rows.jsonl, line 2");
}

}  // namespace
}  // namespace drover::cli
