#include "cli/inspected_row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "chat/dialog_file.h"
#include "cli/choose_format.h"
#include "cli/drover_process_test.h"
#include "model/model_path.h"

namespace drover::cli {
namespace {

/// What one kind of training learns, as text: the spellings of its targets, a "|" between responses.
std::string learned_text(const InspectedRow& row, Objective objective) {
  std::string text;
  std::int32_t response = 0;
  for (const auto& token : row.tokens) {
    if (token.response > response) text += "|";
    response = std::max(response, token.response);
    for (const auto& mark : token.marks) {
      if (mark.objective == objective && mark.weight > 0) text += token.spelling;
    }
  }
  return text;
}

class InspectedRows : public ::testing::Test {
 protected:
  void SetUp() override {
    DROVER_NEEDS_SMALL_MODEL();
    format_ = choose_format("", model::model_path("smollm2-135m-instruct"));
  }
  std::shared_ptr<const chat::ChatFormat> format_;
};

TEST_F(InspectedRows, SftLearnsTheFinalTurnWithItsTerminator) {
  const auto dialog = chat::parse_dialog_row(
      R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "first"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "second"}]})");
  EXPECT_EQ(learned_text(inspect_dialog(*format_, dialog, false), Objective::kSft), "second<|im_end|>");
  EXPECT_EQ(learned_text(inspect_dialog(*format_, dialog, true), Objective::kSft), "first<|im_end|>second<|im_end|>");
}

TEST_F(InspectedRows, TokensAreLearnedAtTheOneBefore) {
  const auto dialog = chat::parse_dialog_row(R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "one two"}]})");
  const auto row = inspect_dialog(*format_, dialog, false);
  for (std::size_t i = 0; i < row.tokens.size(); ++i) {
    for (const auto& mark : row.tokens[i].marks) EXPECT_EQ(mark.position, static_cast<std::int64_t>(i) - 1);
  }
}

TEST_F(InspectedRows, DialogWithoutAnAnswerIsShownWithTheRefusal) {
  const auto row = inspect_dialog(*format_, chat::parse_dialog_row(R"({"messages": [{"role": "user", "content": "a"}]})"), false);
  ASSERT_EQ(row.refusals.size(), 1);
  EXPECT_THAT(row.refusals[0], testing::StartsWith("sft: "));
  EXPECT_FALSE(row.tokens.empty());
  EXPECT_EQ(learned_text(row, Objective::kSft), "");
}

TEST_F(InspectedRows, PreferenceCountsContentAndTheRewardStandsAtTheEnd) {
  const auto preference = chat::parse_preference_row(R"({"prompt": [{"role": "user", "content": "q"}],
      "responses": [[{"role": "assistant", "content": "best answer"}], [{"role": "assistant", "content": "middle"}], [{"role": "assistant", "content": "worst"}]]})");
  const auto row = inspect_preference(*format_, preference);
  EXPECT_TRUE(row.refusals.empty());
  EXPECT_EQ(row.num_responses, 3);
  EXPECT_EQ(learned_text(row, Objective::kReward), "<|im_end|>|<|im_end|>|<|im_end|>");
  EXPECT_EQ(learned_text(row, Objective::kDpoPreference), "best answer||worst");
  EXPECT_EQ(learned_text(row, Objective::kDpoLikelihood), "best answer<|im_end|>||");
}

}  // namespace
}  // namespace drover::cli
