// `drover generate` as a user calls it, killed and continued.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "cli/drover_process_test.h"

namespace drover::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

const std::string kPrompts =
    "{\"messages\": [{\"role\": \"user\", \"content\": \"Name a colour.\"}]}\n"
    "{\"messages\": [{\"role\": \"user\", \"content\": \"Name a river.\"}]}\n";

/// The samples of a file by (prompt, sample), as their lines.
std::map<std::pair<int, int>, std::string> samples_of(const std::filesystem::path& path) {
  std::map<std::pair<int, int>, std::string> samples;
  std::istringstream stream(read_whole(path));
  for (std::string line; std::getline(stream, line);) {
    const auto row = json::parse(line);
    const auto [place, is_new] = samples.emplace(std::pair(row["prompt"].get<int>(), row["sample"].get<int>()), line);
    EXPECT_TRUE(is_new) << "recorded twice: " << line;
  }
  return samples;
}

TEST(Generate, AKilledRunGoesOnToTheSameSamples) {
  DROVER_NEEDS_SMALL_MODEL();
  const TemporaryFolder folder;
  folder.write("prompts.jsonl", kPrompts);
  const std::string command = "drover generate smollm2-135m-instruct prompts.jsonl --threads 1 -n 12 --max-tokens 24 --min-tokens 24 --max-sequences 2 --json -o ";
  const auto whole = run_script(command + "whole.jsonl", folder);
  ASSERT_EQ(whole.status, 0) << whole.errors;
  // Killed as soon as a few samples are there.
  run_script(command + "killed.jsonl & pid=$!; until [ \"$(wc -l < killed.jsonl 2>/dev/null || echo 0)\" -ge 3 ]; do sleep 0.02; done; kill -9 $pid; wait $pid", folder);
  const auto first = samples_of(folder.path() / "killed.jsonl");
  EXPECT_GE(first.size(), 3U);
  EXPECT_LT(first.size(), 24U) << "the run was over before it was killed";
  const auto again = run_script(command + "killed.jsonl", folder);
  ASSERT_EQ(again.status, 0) << again.errors;
  EXPECT_THAT(again.errors, HasSubstr("going on"));
  EXPECT_EQ(samples_of(folder.path() / "killed.jsonl"), samples_of(folder.path() / "whole.jsonl"));
  EXPECT_EQ(json::parse(whole.output)["samples"], 24);
  EXPECT_EQ(json::parse(whole.output)["new_tokens"], 24 * 24);
  EXPECT_EQ(json::parse(again.output)["samples"], 24);
}

TEST(Generate, APromptThatCannotBeAnsweredIsReportedAndTheOthersGoOn) {
  DROVER_NEEDS_SMALL_MODEL();
  const TemporaryFolder folder;
  folder.write("prompts.jsonl", kPrompts + "{\"messages\": [{\"role\": \"user\", \"content\": \"" + std::string(60000, 'a') + "\"}]}\n");
  const auto result = run_script("drover generate smollm2-135m-instruct prompts.jsonl --threads 1 --max-tokens 4 -o out.jsonl --json", folder);
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.errors, HasSubstr("prompts.jsonl, line 3: The prompt has"));
  const auto summary = json::parse(result.output);
  EXPECT_EQ(summary["samples"], 2);
  EXPECT_EQ(summary["failed"], 1);
}

TEST(Generate, RepliesOfAChoiceOrASchemaHaveItsForm) {
  DROVER_NEEDS_SMALL_MODEL();
  const TemporaryFolder folder;
  folder.write("prompts.jsonl", kPrompts);
  folder.write("schema.json", R"({"type": "object", "properties": {"name": {"enum": ["red", "blue"]}, "sure": {"type": "boolean"}}, "required": ["name", "sure"]})");
  const auto choices = run_script("drover generate smollm2-135m-instruct prompts.jsonl --threads 1 -n 4 --choice yes --choice no", folder);
  ASSERT_EQ(choices.status, 0) << choices.errors;
  std::istringstream stream(choices.output);
  for (std::string line; std::getline(stream, line);) EXPECT_THAT(json::parse(line)["text"], testing::AnyOf("yes", "no"));
  const auto objects = run_script("drover generate smollm2-135m-instruct prompts.jsonl --threads 1 -n 4 --json-schema schema.json", folder);
  ASSERT_EQ(objects.status, 0) << objects.errors;
  stream = std::istringstream(objects.output);
  for (std::string line; std::getline(stream, line);) {
    const auto value = json::parse(json::parse(line)["text"].get<std::string>());
    EXPECT_THAT(value["name"], testing::AnyOf("red", "blue"));
    EXPECT_TRUE(value["sure"].is_boolean());
  }
}

TEST(Generate, BadInputEndsInOneSentence) {
  DROVER_NEEDS_SMALL_MODEL();
  const TemporaryFolder folder;
  folder.write("prompts.jsonl", kPrompts);
  folder.write("impossible.json", R"({"enum": []})");
  const auto refusal = [&](const std::string& options) {
    const auto result = run_script("drover generate smollm2-135m-instruct prompts.jsonl --threads 1 " + options, folder);
    EXPECT_EQ(result.status, 1) << options;
    EXPECT_EQ(result.num_error_lines(), 1) << result.errors;
    return result.errors;
  };
  EXPECT_THAT(refusal("--stop-token nothing_like_it"), HasSubstr("no token of the model"));
  EXPECT_THAT(refusal("--memory 0.0001"), HasSubstr("do not hold one page"));
  EXPECT_THAT(refusal("--memory 0"), HasSubstr("--memory 0 is not possible"));
  EXPECT_THAT(refusal("--json-schema impossible.json"), HasSubstr("enum"));
  EXPECT_THAT(refusal("--temperature -1"), HasSubstr("temperature = -1"));
  EXPECT_THAT(refusal("-n 0"), HasSubstr("--responses 0"));
  EXPECT_THAT(refusal("-o prompts.jsonl"), HasSubstr("not a file of samples"));
}

}  // namespace
}  // namespace drover::cli
