#include "chat/preference_row.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "chat/dialog_file.h"
#include "chat/random_dialogs_test.h"

namespace drover::chat {
namespace {

std::string refusal(std::string_view row) {
  try {
    parse_preference_row(row);
  } catch (const base::UserError& error) {
    return error.what();
  }
  return "not refused";
}

std::vector<std::string> contents(const PreferenceRow& row) {
  std::vector<std::string> texts;
  for (const auto& response : row.responses) texts.push_back(response.at(0).content);
  return texts;
}

TEST(PreferenceRow, ReadsTrlRowsOfTextsAndOfMessages) {
  const PreferenceRow texts = parse_preference_row(R"({"prompt": "q", "chosen": "a", "rejected": "b"})");
  const PreferenceRow messages = parse_preference_row(R"({"prompt": [{"role": "user", "content": "q"}],
      "chosen": [{"role": "assistant", "content": "a"}], "rejected": [{"role": "assistant", "content": "b"}]})");
  EXPECT_TRUE(texts == messages);
  EXPECT_EQ(contents(texts), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(texts.levels, (std::vector<PreferenceLevel>{PreferenceLevel::kBetter}));
  EXPECT_EQ(texts.with_response(1).messages.back().content, "b");
}

TEST(PreferenceRow, FindsTheImplicitPrompt) {
  const PreferenceRow row = parse_preference_row(R"({
      "chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
      "rejected": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "b"}]})");
  EXPECT_EQ(row.prompt.messages.size(), 1u);
  EXPECT_EQ(contents(row), (std::vector<std::string>{"a", "b"}));
}

TEST(PreferenceRow, SharedMessagesOfATurnBelongToThePrompt) {
  const std::string common = R"({"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}, {"role": "tool", "content": "1"})";
  const PreferenceRow row = parse_preference_row(R"({"chosen": [)" + common + R"(, {"role": "assistant", "content": "a"}], "rejected": [)" + common +
                                                 R"(, {"role": "assistant", "content": "b"}]})");
  EXPECT_EQ(row.prompt.messages.size(), 3u);
  EXPECT_EQ(contents(row), (std::vector<std::string>{"a", "b"}));
}

TEST(PreferenceRow, RatingsThatContradictTheRankingAreRefused) {
  EXPECT_EQ(refusal(R"({"prompt": "q", "chosen": "a", "rejected": "b", "score_chosen": 5, "score_rejected": 1.5})"), "not refused");
  EXPECT_EQ(refusal(R"({"prompt": "q", "chosen": "a", "rejected": "b", "score_chosen": 1, "score_rejected": 5})"),
            "score_chosen: ratings contradict the ranking: what is ranked better has 1, what follows it 5");
  EXPECT_NE(refusal(R"({"prompt": "q", "chosen": "a", "rejected": "b", "score_chosen": 3, "score_rejected": 3})"), "not refused");
  EXPECT_EQ(refusal(R"({"prompt": "q", "chosen": "a", "rejected": "b", "score_chosen": 3, "score_rejected": 3, "level": "none"})"), "not refused");
  EXPECT_NE(refusal(R"({"prompt": "q", "chosen": "a", "rejected": "b", "score_chosen": 3})"), "not refused") << "one alone says nothing";
  EXPECT_EQ(refusal(R"({"prompt": "q", "responses": ["a", "b", "c"], "ranking": [2, 0, 1], "scores": [2, 1, 3]})"), "not refused");
  EXPECT_EQ(refusal(R"({"prompt": "q", "responses": ["a", "b", "c"], "ranking": [2, 0, 1], "scores": [3, 2, 1]})"),
            "scores: ratings contradict the ranking: what is ranked better has 1, what follows it 3");
  EXPECT_EQ(refusal(R"({"prompt": "q", "responses": ["a", "b"], "scores": [1]})"), "scores: expected a list of 2, one for each response");
}

TEST(PreferenceRow, AnEditedResponseIsTheBest) {
  const PreferenceRow row = parse_preference_row(R"({"prompt": "q", "chosen": "a", "rejected": "b", "edited": "c", "level": "slightly_better"})");
  EXPECT_EQ(contents(row), (std::vector<std::string>{"c", "a", "b"}));
  EXPECT_EQ(row.levels, (std::vector<PreferenceLevel>{PreferenceLevel::kBetter, PreferenceLevel::kSlight}));
}

TEST(PreferenceRow, ARowThatStatesNoLevelGetsTheReaders) {
  const DialogFileOptions slight{.unstated_level = PreferenceLevel::kSlight};
  using Levels = std::vector<PreferenceLevel>;
  EXPECT_EQ(parse_preference_row(R"({"prompt": "q", "chosen": "a", "rejected": "b"})", slight).levels, Levels{PreferenceLevel::kSlight});
  EXPECT_EQ(parse_preference_row(R"({"prompt": "q", "chosen": "a", "rejected": "b", "level": "none"})", slight).levels,
            Levels{PreferenceLevel::kNone});
  EXPECT_EQ(parse_preference_row(R"({"prompt": "q", "chosen": "a", "rejected": "b", "edited": "c"})", slight).levels,
            (Levels{PreferenceLevel::kBetter, PreferenceLevel::kSlight}));
  EXPECT_EQ(parse_preference_row(R"({"prompt": "q", "responses": ["a", "b", "c"]})", slight).levels,
            (Levels{PreferenceLevel::kSlight, PreferenceLevel::kSlight}));
}

TEST(PreferenceRow, RankingOrdersTheResponses) {
  const PreferenceRow row = parse_preference_row(
      R"({"prompt": "q", "responses": ["a", "b", "c"], "ranking": [2, 0, 1], "levels": ["significantly_better", "none"]})");
  EXPECT_EQ(contents(row), (std::vector<std::string>{"c", "a", "b"}));
  EXPECT_EQ(row.levels, (std::vector<PreferenceLevel>{PreferenceLevel::kSignificant, PreferenceLevel::kNone}));
}

TEST(PreferenceRow, RefusesWithPlaceAndReason) {
  EXPECT_EQ(refusal(R"({"prompt": "q", "chosen": "a", "rejected": "a"})"),
            "two responses are equal, so there is nothing to prefer (chosen and rejected must differ)");
  EXPECT_EQ(refusal(R"({"chosen": [{"role": "user", "content": "q"}], "rejected": [{"role": "user", "content": "q"}]})"),
            "\"chosen\" and \"rejected\" are equal");
  EXPECT_EQ(refusal(R"({"chosen": "a", "rejected": "b"})"),
            "\"chosen\" and \"rejected\" are texts, so the key \"prompt\" must say what they answer");
  EXPECT_EQ(refusal(R"({"prompt": "q", "chosen": "a"})"), "the key \"rejected\" is missing");
  EXPECT_EQ(refusal(R"({"prompt": "q", "chosen": [{"role": "user", "content": "a"}], "rejected": "b"})"),
            "chosen: a response must begin with an assistant's message");
  EXPECT_EQ(refusal(R"({"prompt": "q", "responses": ["a", "b"], "ranking": [0, 0]})"),
            "ranking: expected a list that holds each of 0 to 1 once, best first");
  EXPECT_EQ(refusal(R"({"prompt": "q", "responses": ["a", "b"], "ranking": [0, -1]})"),
            "ranking: expected a list that holds each of 0 to 1 once, best first");
  EXPECT_EQ(refusal(R"({"prompt": "q", "responses": ["a"]})"), "responses: expected a list of at least two responses");
  EXPECT_EQ(refusal(R"({"prompt": "q", "chosen": "a", "rejected": "b", "level": "beter"})"),
            "level: unknown level \"beter\" (did you mean \"better\"?); known: none, marginally_better, slightly_better, better, "
            "significantly_better");
  EXPECT_EQ(refusal(R"({"prompt": "q", "chosen": "a", "rejected": "b", "score_chosen": 4})"), "the key \"score_rejected\" is missing");
  EXPECT_EQ(refusal(R"({"prompt": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "x"}], "chosen": "a", "rejected": "b"})"),
            "prompt: it ends with an assistant's finished turn, so nothing is left to answer");
}

TEST(PreferenceRow, WhatIsWrittenIsReadBackEqual) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    RandomDialogs random(base::RandomStream(7, "preference", seed));
    PreferenceRow row;
    row.prompt = RandomDialogs::with_tools("llama-3.2");
    row.prompt.messages.push_back({.sender = Sender::kUser, .content = random.text()});
    const std::uint64_t count = 2 + random.below(3);
    for (std::uint64_t i = 0; i < count; ++i) {
      row.responses.push_back({random.assistant("llama-3.2")});
      row.responses.back()[0].content += std::to_string(i);
      if (i > 0) row.levels.push_back(static_cast<PreferenceLevel>(random.below(5)));
    }
    const std::string line = preference_row_to_json(row).dump();
    ASSERT_TRUE(parse_preference_row(line) == row) << line;
  }
}

}  // namespace
}  // namespace drover::chat
