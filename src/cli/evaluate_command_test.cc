// `drover evaluate` and `drover check` as a user calls them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/drover_process_test.h"

namespace drover::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

const std::string kSums =
    "{\"messages\": [{\"role\": \"user\", \"content\": \"What is 1 + 1?\"}], \"checker\": \"numeric\", \"expected\": \"2\"}\n"
    "{\"messages\": [{\"role\": \"user\", \"content\": \"What is 2 + 2?\"}], \"checker\": \"numeric\", \"expected\": \"4\"}\n"
    "{\"messages\": [{\"role\": \"user\", \"content\": \"What is 3 + 5?\"}], \"checker\": \"numeric\", \"expected\": \"8\"}\n";

TEST(Evaluate, ScoresComparesAndGoesOnWithItsFile) {
  DROVER_NEEDS_SMALL_MODEL();
  const TemporaryFolder folder;
  folder.write("sums.jsonl", kSums);
  const std::string command = "drover evaluate smollm2-135m-instruct sums.jsonl --compare smollm2-135m-instruct --threads 1 --max-tokens 12 --json -o replies.jsonl";
  const auto first = run_script(command, folder);
  ASSERT_EQ(first.status, 0) << first.errors;
  const auto report = json::parse(first.output);
  ASSERT_EQ(report["models"].size(), 2U);
  EXPECT_EQ(report["models"][0]["suites"][0]["prompts"], 3);
  EXPECT_EQ(report["models"][0]["suites"], report["models"][1]["suites"]) << "one model agrees with itself";
  EXPECT_EQ(report["comparison"][0]["p"], 1.0);
  const auto replies = read_whole(folder.path() / "replies.jsonl");
  EXPECT_EQ(std::count(replies.begin(), replies.end(), '\n'), 3) << "the second model's replies were there already";
  // One reply is taken away, as if the run had been killed.
  folder.write("replies.jsonl", replies.substr(0, replies.find('\n', replies.find('\n') + 1) + 1) + "{\"suite\": \"su");
  const auto again = run_script(command, folder);
  ASSERT_EQ(again.status, 0) << again.errors;
  EXPECT_THAT(again.errors, HasSubstr("2 of 3 replies are there already"));
  EXPECT_EQ(json::parse(again.output), report);
}

TEST(Evaluate, SaysInOneSentenceWhatIsWrong) {
  const TemporaryFolder folder;
  const auto suite = run_script("drover evaluate smollm2-135m-instruct arithmetics", folder);
  EXPECT_EQ(suite.status, 1);
  EXPECT_THAT(suite.errors, HasSubstr("did you mean \"arithmetic\""));
  EXPECT_EQ(suite.num_error_lines(), 1);
  EXPECT_EQ(run_script("drover evaluate smollm2-135m-instruct", folder).status, 1);
  EXPECT_EQ(run_script("drover evaluate no-such-model arithmetic --limit 1", folder).status, 1);
  const auto list = run_script("drover evaluate --list", folder);
  EXPECT_EQ(list.status, 0);
  EXPECT_THAT(list.output, HasSubstr("triviaqa"));
}

TEST(Check, PrintsAVerdictForEachRow) {
  const TemporaryFolder folder;
  folder.write("rows.jsonl",
               "{\"checker\": \"numeric\", \"expected\": \"72\", \"reply\": \"She sold 72 clips.\"}\n"
               "{\"checker\": \"choice\", \"expected\": \"B\", \"reply\": \"The answer is (C).\"}\n");
  const auto result = run_script("drover check rows.jsonl", folder);
  EXPECT_EQ(result.status, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("1 of 2 right"));
  folder.write("bad.jsonl", "{\"checker\": \"numerical\", \"expected\": \"72\", \"reply\": \"72\"}\n");
  const auto bad = run_script("drover check bad.jsonl", folder);
  EXPECT_EQ(bad.status, 1);
  EXPECT_THAT(bad.errors, HasSubstr("bad.jsonl, line 1"));
}

}  // namespace
}  // namespace drover::cli
