#include "train/learned_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "chat/byte_tokenizer_test.h"
#include "train/reward_facts.h"
#include "train/reward_layout.h"

namespace drover::train {
namespace {

using chat::Ending;
using chat::Sender;
using testing::HasSubstr;

chat::Message user(const std::string& text) { return {.sender = Sender::kUser, .content = text}; }
chat::Message says(const std::string& text, Ending ending = Ending::kTurn) {
  return {.sender = Sender::kAssistant, .content = text, .ending = ending};
}
chat::Dialog dialog_of(std::vector<chat::Message> messages) {
  chat::Dialog dialog;
  dialog.messages = std::move(messages);
  return dialog;
}

std::string reason_of(const std::function<void()>& make) {
  try {
    make();
  } catch (const base::UserError& error) {
    return error.what();
  }
  return "accepted";
}

class LearnedRows : public testing::Test {
 protected:
  std::string spell(std::span<const text::TokenId> ids) const { return chat::text_of(format_->tokenizer(), ids); }
  std::string spell(const model::TokenRow& row, std::size_t segment) const {
    const auto& place = row.segments[segment];
    return spell(std::span(row.tokens).subspan(static_cast<std::size_t>(place.begin), static_cast<std::size_t>(place.end - place.begin)));
  }
  /// The targets as text, "|" where learning skips tokens. Checks on the way that each is predicted from the token before it on its path.
  std::string learned(const model::TokenRow& row, std::int32_t response = 0) const {
    row.validate();
    std::string text;
    std::int64_t expected_next = -1;
    for (const auto& entry : row.learned) {
      if (entry.response != response) continue;
      std::int64_t token = entry.position + 1;
      for (std::size_t s = 1; s < row.segments.size(); ++s) {
        // The first token of a response follows the end of the prompt.
        if (entry.position == row.segments[0].end - 1 && static_cast<std::int32_t>(s) == response + 1) token = row.segments[s].begin;
      }
      EXPECT_EQ(row.tokens[static_cast<std::size_t>(token)], entry.target);
      EXPECT_EQ(entry.weight, 1.0F);
      if (expected_next >= 0 && token != expected_next) text += "|";
      const std::vector<text::TokenId> one{entry.target};
      text += spell(one);
      expected_next = token + 1;
    }
    return text;
  }

  std::shared_ptr<const chat::ChatFormat> format_ = chat::make_chat_format("chatml", chat::smollm2_bytes());
  std::shared_ptr<const chat::ChatFormat> llama_ = chat::make_chat_format("llama-3.1", chat::llama3_bytes());
};

TEST_F(LearnedRows, SftLearnsTheFinalReplyAndItsTerminator) {
  const auto row = sft_row(*format_, dialog_of({user("hi"), says("yo"), user("sum?"), says("4")}));
  ASSERT_EQ(row.segments.size(), 2U);
  EXPECT_EQ(row.segments[1].parent, 0);
  EXPECT_THAT(spell(row, 0), testing::EndsWith("<|im_start|>user\nsum?<|im_end|>\n<|im_start|>assistant\n"));
  EXPECT_EQ(spell(row, 1), "4<|im_end|>") << "the newline after it is never said";
  EXPECT_EQ(learned(row), "4<|im_end|>");
}

TEST_F(LearnedRows, SftLearnsEveryReplyWhenAsked) {
  const auto row = sft_row(*format_, dialog_of({user("hi"), says("yo"), user("sum?"), says("4")}), Learn::kAll);
  EXPECT_EQ(learned(row), "yo<|im_end|>|4<|im_end|>");
  EXPECT_THAT(spell(row, 0), testing::EndsWith("hi<|im_end|>\n<|im_start|>assistant\n"));
}

TEST_F(LearnedRows, AllRepliesAreRefusedWhereTheFormatWouldRewriteEarlierOnes) {
  const auto reason = [&](const char* format, std::vector<chat::Message> messages) {
    const auto made = chat::make_chat_format(format, chat::bytes_for(format));
    return reason_of([&] { sft_row(*made, dialog_of(std::move(messages)), Learn::kAll); });
  };
  // Mistral moves the system message into the last question, so the first reply would follow another prompt than it was sampled from.
  const chat::Message system{.sender = Sender::kSystem, .content = "Be brief."};
  EXPECT_THAT(reason("mistral", {system, user("hi"), says("yo"), user("sum?"), says("4")}), HasSubstr("learn the final turn only"));
  EXPECT_EQ(reason("mistral", {user("hi"), says("yo"), user("sum?"), says("4")}), "accepted");
  EXPECT_EQ(reason("mistral", {system, user("hi"), says("yo")}), "accepted");
  // Qwen3 drops thoughts once the next question is asked: learning what is left would teach not to think.
  const auto thinks = says("<think>\nhm\n</think>\n\nyo");
  EXPECT_THAT(reason("chatml-qwen3", {user("hi"), thinks, user("sum?"), thinks}), HasSubstr("learn the final turn only"));
  EXPECT_EQ(reason("chatml-qwen3", {user("hi"), thinks}), "accepted");
}

TEST_F(LearnedRows, ToolResultsAndHeadersInsideTheTurnAreNotLearned) {
  chat::Message call = says("Let me see.", Ending::kMessage);
  call.calls.push_back({.kind = chat::ToolCall::Kind::kCode, .name = "code_interpreter", .code = "print(2+2)"});
  const chat::Message result{.sender = Sender::kTool, .content = "SECRET"};
  auto dialog = dialog_of({user("2+2?"), call, result, says("It is 4.")});
  dialog.core_tools = {"code_interpreter"};
  const auto row = sft_row(*llama_, dialog);
  const auto& tokenizer = llama_->tokenizer();
  std::string targets;
  for (const auto& entry : row.learned) targets += tokenizer.bytes_of(entry.target);
  EXPECT_EQ(targets, "Let me see.<|python_tag|>print(2+2)<|eom_id|>It is 4.<|eot_id|>");
  EXPECT_THAT(chat::text_of(tokenizer, row.tokens), HasSubstr("SECRET"));
}

TEST_F(LearnedRows, ACutReplyTeachesNoTerminator) {
  const auto row = sft_row(*format_, dialog_of({user("hi"), says("and so", Ending::kCut)}));
  EXPECT_EQ(learned(row), "and so");
  EXPECT_EQ(spell(row, 1), "and so");
}

TEST_F(LearnedRows, SftRefusesWhatTeachesNothingOrIsTooLong) {
  const auto reason = [&](std::vector<chat::Message> messages, std::int64_t max_tokens = 8192) {
    return reason_of([&] { sft_row(*format_, dialog_of(std::move(messages)), Learn::kFinal, {.max_tokens = max_tokens}); });
  };
  EXPECT_THAT(reason({user("hi")}), HasSubstr("nothing to learn"));
  EXPECT_THAT(reason({user("hi"), says("yo"), user("and?")}), HasSubstr("nothing to learn"));
  EXPECT_THAT(reason({user("hi"), says("")}), HasSubstr("nothing to learn"));
  // <|im_start|>user\nhi<|im_end|>\n is 10 tokens, <|im_start|>assistant\n 11, the reply 3.
  EXPECT_EQ(reason({user("hi"), says("yo")}, 24), "accepted");
  EXPECT_THAT(reason({user("hi"), says("yo")}, 23), HasSubstr("24 tokens, more than max_tokens = 23"));
  EXPECT_THAT(reason({user("hi"), says("yo")}, 1), HasSubstr("max_tokens = 1"));
  EXPECT_THAT(reason_of([&] { sft_row(*format_, dialog_of({user("hi"), says("yo")}), Learn::kFinal, {.max_tokens = 23, .is_context = true}); }),
              HasSubstr("24 tokens, more than the model's context of 23"));
}

chat::PreferenceRow preference(std::vector<std::string> replies) {
  chat::PreferenceRow row;
  row.prompt = dialog_of({user("pick")});
  for (const auto& reply : replies) row.responses.push_back({says(reply)});
  row.levels.assign(replies.size() - 1, chat::PreferenceLevel::kBetter);
  return row;
}

TEST_F(LearnedRows, RewardRowsScoreEachResponseAtItsTerminator) {
  const auto row = reward_row(*format_, preference({"best", "mid", "worst!"}));
  row.validate();
  ASSERT_EQ(row.segments.size(), 4U);
  ASSERT_EQ(row.learned.size(), 3U);
  const char* expected[] = {"best<|im_end|>", "mid<|im_end|>", "worst!<|im_end|>"};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(spell(row, i + 1), expected[i]);
    EXPECT_EQ(row.segments[i + 1].parent, 0);
    EXPECT_EQ(row.learned[i].position, row.segments[i + 1].end - 1);
    EXPECT_EQ(row.learned[i].response, static_cast<std::int32_t>(i));
  }
}

TEST_F(LearnedRows, ACausalRewardRowIsOneSequenceOfShuffledResponses) {
  const auto tree = reward_row(*format_, preference({"best", "mid", "worst!"}));
  std::set<std::string> orders;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const auto row = lay_out(tree, RewardLayout::kCausal, seed);
    row.validate();
    ASSERT_EQ(row.segments.size(), 1U);
    EXPECT_EQ(row.num_tokens(), tree.num_tokens());
    EXPECT_EQ(row.positions.back(), row.num_tokens() - 1);
    const auto begin = static_cast<std::size_t>(tree.segments[0].end);
    orders.insert(spell(std::span(row.tokens).subspan(begin)));
    const char* endings[] = {"best<|im_end|>", "mid<|im_end|>", "worst!<|im_end|>"};
    for (std::size_t i = 0; i < 3; ++i) {
      const auto end = static_cast<std::size_t>(row.learned[i].position) + 1;
      EXPECT_THAT(spell(std::span(row.tokens).first(end)), testing::EndsWith(endings[i])) << "still best first";
    }
  }
  EXPECT_EQ(orders.size(), 6U) << "every order comes up";
  EXPECT_EQ(lay_out(tree, RewardLayout::kCausal, 7).tokens, lay_out(tree, RewardLayout::kCausal, 7).tokens);
}

TEST_F(LearnedRows, SeparateRewardRowsRepeatThePrompt) {
  const auto tree = reward_row(*format_, preference({"best", "mid", "worst!"}));
  const auto row = lay_out(tree, RewardLayout::kSeparate, 0);
  row.validate();
  ASSERT_EQ(row.segments.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(row.segments[i].parent, -1);
    EXPECT_EQ(spell(row, i), spell(tree, 0) + spell(tree, i + 1));
    EXPECT_EQ(row.learned[i].position, row.segments[i].end - 1);
  }
}

TEST_F(LearnedRows, OnlyTheClearPartOfARankingIsKept) {
  using Level = chat::PreferenceLevel;
  auto row = preference({"a", "b", "c"});
  const auto kept = [&](Level first, Level second) -> std::string {
    row.levels = {first, second};
    const auto part = clear_part(row, Level::kBetter);
    if (!part) return "nothing";
    EXPECT_EQ(part->levels.size() + 1, part->responses.size());
    std::string text;
    for (const auto& response : part->responses) text += response.front().content;
    return text;
  };
  EXPECT_EQ(kept(Level::kBetter, Level::kSignificant), "abc");
  EXPECT_EQ(kept(Level::kBetter, Level::kSlight), "ab");
  EXPECT_EQ(kept(Level::kMarginal, Level::kBetter), "bc");
  EXPECT_EQ(kept(Level::kNone, Level::kSlight), "nothing");
}

TEST_F(LearnedRows, AllOrderedPairsOfARankingAreComparedWhenAsked) {
  const auto pairs = dpo_rows(*format_, preference({"best", "mid", "worst!"}));
  ASSERT_EQ(pairs.size(), 3U);
  const char* expected[][2] = {{"best<|im_end|>", "mid"}, {"best<|im_end|>", "worst!"}, {"mid<|im_end|>", "worst!"}};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(learned(pairs[i].row, 0), expected[i][0]);
    EXPECT_EQ(learned(pairs[i].row, 1), expected[i][1]);
  }
}

TEST_F(LearnedRows, DpoTrainsTheEditAgainstTheRejectedResponseThoughItIsCloseToTheChosenOne) {
  using Level = chat::PreferenceLevel;
  auto row = preference({"edited", "chosen", "rejected"});
  row.levels = {Level::kBetter, Level::kSlight};
  const auto pair = dpo_row(*format_, row, {.lowest_level = Level::kBetter});
  EXPECT_EQ(learned(pair.row, 0), "edited<|im_end|>");
  EXPECT_EQ(learned(pair.row, 1), "rejected");
  const auto pairs = dpo_rows(*format_, row, {.lowest_level = Level::kBetter});
  ASSERT_EQ(pairs.size(), 2U) << "chosen and rejected are too close";
  EXPECT_EQ(learned(pairs[0].row, 1), "chosen");
  EXPECT_EQ(learned(pairs[1].row, 1), "rejected");
  row.levels = {Level::kBetter, Level::kNone};
  EXPECT_EQ(learned(dpo_row(*format_, row).row, 1), "rejected") << "a tie behind the edit is no matter of this pair";
}

TEST_F(LearnedRows, PreferencesThatCompareNothingAreRefused) {
  const auto reason = [&](const chat::PreferenceRow& row) { return reason_of([&] { reward_row(*format_, row); }); };
  EXPECT_THAT(reason(preference({"a"})), HasSubstr("two responses"));
  EXPECT_THAT(reason(preference({"a", "b", "a"})), HasSubstr("responses 1 and 3 are the same"));
  EXPECT_THAT(reason(preference({"a", ""})), HasSubstr("response 2 is empty"));
  auto after_call = preference({"a", ""});
  after_call.prompt.messages.push_back(says("Let me see.", Ending::kMessage));
  EXPECT_THAT(reason(after_call), HasSubstr("response 2 is empty")) << "what the prompt says does not count";
  auto equal = preference({"a", "b"});
  equal.levels = {chat::PreferenceLevel::kNone};
  EXPECT_THAT(reason(equal), HasSubstr("equally good"));
  EXPECT_THAT(reason_of([&] { reward_row(*format_, preference({"a", "b"}), {.max_tokens = 20}); }), HasSubstr("max_tokens = 20"));
  EXPECT_THAT(reason_of([&] { dpo_row(*format_, preference({"a", "a"})); }), HasSubstr("the same"));
}

TEST_F(LearnedRows, DpoComparesContentAndKeepsTheChosenTerminatorInTheLikelihood) {
  const auto made = dpo_row(*format_, preference({"best", "mid", "worst!"}));
  EXPECT_EQ(spell(made.row, 1), "best<|im_end|>");
  EXPECT_EQ(spell(made.row, 2), "worst!<|im_end|>") << "best against worst";
  EXPECT_EQ(learned(made.row, 0), "best<|im_end|>");
  EXPECT_EQ(learned(made.row, 1), "worst!");
  EXPECT_THAT(made.preference, testing::ElementsAre(1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1));
  EXPECT_THAT(made.likelihood, testing::ElementsAre(1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0));
}

TEST_F(LearnedRows, DpoComparesTerminatorsToo_WhenFormatTokensAreNotMasked) {
  const auto made = dpo_row(*format_, preference({"yes", "no"}), {.rows = {}, .mask_format_tokens = false});
  EXPECT_EQ(learned(made.row, 1), "no<|im_end|>");
  EXPECT_THAT(made.preference, testing::ElementsAre(1, 1, 1, 1, 1, 1, 1));
}

TEST_F(LearnedRows, DocumentsAreCutIntoPiecesThatPredictAllButTheirFirstToken) {
  const auto rows = document_rows(format_->tokenizer().encode("abcdefgh"), {.max_tokens = 3});
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(spell(rows[0].tokens), "abc");
  EXPECT_EQ(spell(rows[2].tokens), "gh");
  ASSERT_EQ(rows[1].learned.size(), 2U);
  EXPECT_EQ(rows[1].learned[0].position, 0);
  EXPECT_EQ(rows[1].learned[0].target, text::TokenId{'e'});
  EXPECT_TRUE(document_rows({}, {}).empty());
  EXPECT_TRUE(document_rows(format_->tokenizer().encode("a"), {}).empty());
}

TEST_F(LearnedRows, TheLastTokenOfADocumentIsLearnedWhereverItIsCut) {
  const auto pieces = [&](const std::string& document, std::int64_t max_tokens) {
    std::string text;
    for (const auto& row : document_rows(format_->tokenizer().encode(document), {.max_tokens = max_tokens})) {
      EXPECT_LE(row.num_tokens(), max_tokens);
      text += spell(row.tokens) + ">";
      for (const auto& entry : row.learned) {
        const std::vector<text::TokenId> one{entry.target};
        EXPECT_EQ(row.tokens[static_cast<std::size_t>(entry.position) + 1], entry.target);
        text += spell(one);
      }
      text += " ";
    }
    return text;
  };
  EXPECT_EQ(pieces("abcdefg", 3), "abc>bc def>ef fg>g ");
  EXPECT_EQ(pieces("abcdefghi", 4), "abcd>bcd efgh>fgh ghi>i ");
  EXPECT_EQ(pieces("abc", 2), "ab>b bc>c ");
}

}  // namespace
}  // namespace drover::train
