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
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

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

TEST(Generate, RepliesOfOneTokenHaveNoRateOfDecoding) {
  DROVER_NEEDS_SMALL_MODEL();
  const TemporaryFolder folder;
  folder.write("prompts.jsonl", kPrompts);
  const std::string command = "drover generate smollm2-135m-instruct prompts.jsonl --threads 1 --max-tokens 1 ";
  const auto text = run_script(command + "-o text.jsonl", folder);
  EXPECT_THAT(text.output, AllOf(HasSubstr("2 new tokens"), HasSubstr("end to end"), Not(HasSubstr("decoding"))));
  EXPECT_EQ(json::parse(run_script(command + "--json -o json.jsonl", folder).output)["new_tokens_per_second"], nullptr);
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

TEST(Generate, APromptThatFailedForLackOfMemoryIsAnsweredWhenThereIsMore) {
  DROVER_NEEDS_SMALL_MODEL();
  const TemporaryFolder folder;
  folder.write("prompts.jsonl", kPrompts);
  const std::string command = "drover generate smollm2-135m-instruct prompts.jsonl --threads 1 --max-tokens 300 --stop . --json -o out.jsonl --memory ";
  for (int times = 0; times < 2; ++times) {
    const auto result = run_script(command + "0.005", folder);
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.errors, HasSubstr("prompts.jsonl, line 2: The request may need"));
    EXPECT_EQ(json::parse(result.output)["failed"], 2);
  }
  const auto result = run_script(command + "0.5", folder);
  EXPECT_EQ(result.status, 0) << result.errors;
  EXPECT_EQ(json::parse(result.output)["failed"], 0);
  EXPECT_EQ(json::parse(result.output)["samples"], 2);
  std::istringstream stream(read_whole(folder.path() / "out.jsonl"));
  int errors = 0;
  for (std::string line; std::getline(stream, line);) errors += json::parse(line).contains("error") ? 1 : 0;
  EXPECT_EQ(errors, 2) << "each failure once";
}

TEST(Generate, SaysWhichRowsItSkips) {
  DROVER_NEEDS_SMALL_MODEL();
  const TemporaryFolder folder;
  folder.write("prompts.jsonl", "{bad\n" + kPrompts);
  const auto result = run_script("drover generate smollm2-135m-instruct prompts.jsonl --threads 1 --max-tokens 2 --on-bad-row skip -o -", folder);
  EXPECT_EQ(result.status, 0) << result.errors;
  EXPECT_THAT(result.errors, HasSubstr("1 row skipped (first: line 1:"));
  std::istringstream stream(result.output);
  std::vector<int> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line)["prompt"]);
  EXPECT_THAT(lines, testing::UnorderedElementsAre(2, 3));
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

TEST(Generate, AsksServersForTheSamplesThatAreMissing) {
  DROVER_NEEDS_SMALL_MODEL();
  const TemporaryFolder folder;
  folder.write("prompts.jsonl", kPrompts);
  const auto result = run_script(
      "drover serve smollm2-135m-instruct --port 0 --threads 1 > serve.log 2>&1 & server=$!\n"
      "for i in $(seq 300); do url=$(grep -oE 'http://127[^ ,]+' serve.log | head -n 1); [ -n \"$url\" ] && curl -sf ${url%/v1}/health > /dev/null && break; sleep 0.1; done\n"
      "ask() { drover generate - prompts.jsonl --endpoint ${url%/v1}/v1 --tokenizer smollm2-135m-instruct -n $1 --max-tokens 8 -o out.jsonl --json; }\n"
      "ask 2 && ask 3; status=$?; kill $server; wait $server; exit $status",
      folder);
  ASSERT_EQ(result.status, 0) << result.errors << read_whole(folder.path() / "serve.log");
  const auto samples = samples_of(folder.path() / "out.jsonl");
  EXPECT_EQ(samples.size(), 6U);
  for (const auto& [place, line] : samples) EXPECT_FALSE(json::parse(line)["messages"].empty()) << line;
}

TEST(Generate, AServerWhoseAddressIsNoneIsRefused) {
  const TemporaryFolder folder;
  folder.write("prompts.jsonl", kPrompts);
  const auto result = run_script("timeout 100 drover generate m prompts.jsonl --endpoint ftp://nowhere", folder);
  EXPECT_EQ(result.status, 1) << result.errors;
  EXPECT_EQ(result.num_error_lines(), 1) << result.errors;
}

TEST(Generate, BadInputEndsInOneSentence) {
  DROVER_NEEDS_SMALL_MODEL();
  const TemporaryFolder folder;
  folder.write("prompts.jsonl", kPrompts);
  folder.write("answered.jsonl", R"({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]})");
  folder.write("one.jsonl", R"({"prompt":"hello"})");
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
  EXPECT_THAT(refusal("-n 1000000000000 -o out.jsonl"), HasSubstr("at most 100000 samples"));
  EXPECT_THAT(refusal("--logit-bias 42=1e300"), HasSubstr("logit_bias = 1e+300 of token 42"));
  EXPECT_THAT(refusal("-o one.jsonl"), HasSubstr("not a file of samples"));
  EXPECT_THAT(refusal("-o prompts.jsonl"), HasSubstr("not a file of samples"));
  EXPECT_EQ(read_whole(folder.path() / "one.jsonl"), R"({"prompt":"hello"})");
  const auto answered = run_script("drover generate smollm2-135m-instruct answered.jsonl --threads 1", folder);
  EXPECT_EQ(answered.status, 1);
  EXPECT_THAT(answered.errors, HasSubstr("answered.jsonl, line 1: the dialog ends with the assistant's own message"));
}

}  // namespace
}  // namespace drover::cli
