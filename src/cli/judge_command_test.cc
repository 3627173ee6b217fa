// drover judge: what it says of a real model, and of input that is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/drover_process_test.h"

namespace drover::cli {
namespace {

using ::testing::HasSubstr;

TEST(JudgeCommand, AConstrainedModelAlwaysAnswersValidly) {
  DROVER_NEEDS_SMALL_MODEL();
  for (const std::string more : {"", " --probabilities", " --allow-tie"}) {
    const auto result = run_script("drover judge smollm2-135m-instruct --on pandalm --rows 4 --json" + more);
    ASSERT_EQ(result.status, 0) << result.errors;
    const auto sets = nlohmann::json::parse(result.output);
    ASSERT_EQ(sets.size(), 1U);
    EXPECT_EQ(sets[0]["set"], "pandalm");
    EXPECT_EQ(sets[0]["pairs"], 4);
    EXPECT_EQ(sets[0]["invalid"], 0) << more;
    if (more != " --allow-tie") {
      EXPECT_EQ(sets[0]["decided"], 8);
    }
  }
}

TEST(JudgeCommand, BadInputIsOneSentence) {
  const TemporaryFolder folder;
  folder.write("pairs.jsonl", "{\"label\": 1}\n");
  const auto bad_row = run_script("drover judge some-model --calibrate pairs.jsonl", folder);
  EXPECT_EQ(bad_row.status, 1);
  EXPECT_EQ(bad_row.num_error_lines(), 1) << bad_row.errors;
  EXPECT_THAT(bad_row.errors, HasSubstr("pairs.jsonl, line 1: it lacks \"input\""));
  const auto bad_set = run_script("drover judge some-model --on pandas", folder);
  EXPECT_EQ(bad_set.status, 1);
  EXPECT_THAT(bad_set.errors, HasSubstr("there are pandalm, llmbar"));
  const auto nothing = run_script("drover judge some-model", folder);
  EXPECT_EQ(nothing.status, 1);
  EXPECT_THAT(nothing.errors, HasSubstr("--calibrate FILE"));
  const auto no_data = run_script("drover judge some-model --on llmbar --data .", folder);
  EXPECT_EQ(no_data.status, 1);
  EXPECT_THAT(no_data.errors, HasSubstr("holds no .jsonl files"));
}

}  // namespace
}  // namespace drover::cli
