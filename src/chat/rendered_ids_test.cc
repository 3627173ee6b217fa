// Ids with the true vocabularies, as far as the sparse fixtures of room text hold them. Expected ids: computed with the published
// tokenizers, piece by piece as the reference encoder of Llama 3 does, and with llama.cpp for SmolLM2.
#include <gtest/gtest.h>

#include "base/error.h"
#include "chat/byte_tokenizer_test.h"
#include "chat/chat_format.h"
#include "chat/dialog_writer.h"
#include "chat/reply_tokens.h"
#include "text/bpe_fixture_test.h"
#include "text/load_tokenizer.h"

namespace drover::chat {
namespace {

std::vector<int> ints(std::span<const text::TokenId> ids) {
  std::vector<int> numbers;
  for (const text::TokenId id : ids) numbers.push_back(text::to_int(id));
  return numbers;
}

std::shared_ptr<const text::Tokenizer> llama3() { return text::load_tokenizer(text::testdata_folder() / "llama3_sparse.model"); }

TEST(Llama3Ids, OfTheMinimalPrompt) {
  const auto format = make_chat_format("llama3", llama3());
  const Dialog dialog = {.messages = {{.sender = Sender::kUser, .content = "Hello"}}};
  EXPECT_EQ(ints(format->render(dialog, {.generation_prompt = true}).ids),
            (std::vector<int>{128000, 128006, 882, 128007, 271, 9906, 128009, 128006, 78191, 128007, 271}));
}

TEST(Llama3Ids, HeaderAndContentAreEncodedSeparately) {
  const auto format = make_chat_format("llama3", llama3());
  const Dialog dialog = {.messages = {{.sender = Sender::kAssistant, .content = "\n{"}}};
  EXPECT_EQ(ints(format->render(dialog).ids), (std::vector<int>{128000, 128006, 78191, 128007, 271, 198, 90, 128009}));
}

// Llama 3.0 never saw the token that later models end a message with; in its vocabulary it is reserved.
TEST(Llama3Ids, EveryMessageEndsTheTurn) {
  const auto format = make_chat_format("llama3", llama3());
  const Dialog dialog = {.messages = {{.sender = Sender::kAssistant, .content = "\n{", .ending = Ending::kMessage}}};
  EXPECT_EQ(ints(format->render(dialog).ids).back(), 128009);
}

TEST(Llama3Ids, ATypedControlTokenStaysText) {
  const auto format = make_chat_format("llama3", llama3());
  const Dialog dialog = {.messages = {{.sender = Sender::kUser, .content = "<|eot_id|>"}}};
  EXPECT_EQ(ints(format->render(dialog).ids),
            (std::vector<int>{128000, 128006, 882, 128007, 271, 27, 91, 68, 354, 851, 91, 29, 128009}));
}

TEST(Llama31Ids, OfASearchAndBack) {
  const auto format = make_chat_format("llama-3.1", llama3());
  Dialog dialog;
  dialog.core_tools = {"brave_search"};
  dialog.messages = {{.sender = Sender::kUser, .content = "Hello"},
                     {.sender = Sender::kAssistant,
                      .calls = {{.kind = ToolCall::Kind::kBuiltin, .name = "brave_search", .arguments = {{"query", "latest price of 1oz gold"}}}},
                      .ending = Ending::kMessage}};
  const auto rendered = format->render(dialog);
  const std::vector<int> expected = {128010, 1347, 525, 10947, 8692, 10974, 429, 19911, 3430, 315, 220, 16, 9700, 6761, 909, 128008};
  const auto ids = std::span(rendered.ids).last(expected.size());
  EXPECT_EQ(ints(ids), expected);
  EXPECT_EQ(rendered.roles.back(), TokenRole::kTerminator);
  EXPECT_EQ(rendered.roles[rendered.roles.size() - expected.size()], TokenRole::kToolCall);
  EXPECT_TRUE(format->parse_reply(dialog, ids).messages.front() == dialog.messages.back());
}

TEST(SmolLm2Ids, OfTheDefaultSystemMessageAndAQuestion) {
  const text::BpeFixture fixture("smollm2");
  const auto format = make_chat_format("chatml-smollm2", fixture.tokenizer());
  const Dialog dialog = {.messages = {{.sender = Sender::kUser, .content = "Hello"}}};
  const auto rendered = format->render(dialog, {.generation_prompt = true});
  EXPECT_EQ(ints(rendered.ids), (std::vector<int>{1,   9690, 198,   2683, 359, 253,  5356, 5646,  11173, 3365, 3511, 308, 34519, 28,  7018, 411,
                                                  407, 19712, 8182, 2,    198, 1,    4093, 198,   19556, 2,    198,  1,   520,   9531, 198}));
  EXPECT_EQ(ints(format->stop_ids()), (std::vector<int>{2}));
  // The default system message and the generation prompt belong to no message.
  EXPECT_EQ(rendered.messages.front(), -1);
  EXPECT_EQ(rendered.messages.back(), -1);
  EXPECT_EQ(rendered.messages[24], 0);
  EXPECT_EQ(rendered.roles[24], TokenRole::kContent);
}

// str.strip() of Python 3.11, which Jinja's trim calls, leaves "x" of each of these.
TEST(Trimmed, TakesTheWhiteSpaceThatPythonTakes) {
  for (const char* blank : {" ", "\t", "\n", "\v", "\f", "\r", "\x1c", "\x1d", "\x1e", "\x1f", "\u0085", "\u00a0", "\u1680", "\u2000", "\u2007",
                            "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"}) {
    EXPECT_EQ(trimmed(std::string(blank) + blank + "x" + blank), "x") << blank;
    EXPECT_EQ(trimmed(blank), "");
  }
  // These it keeps: zero-width space, byte order mark, Mongolian vowel separator, and bytes that are no UTF-8.
  for (const char* kept : {"\u200b", "\ufeff", "\u180e", "\x85", "\xa0", "\xe3\x80"}) EXPECT_EQ(trimmed(kept), kept);
  EXPECT_EQ(trimmed(" a\u00a0b "), "a\u00a0b");
}

TEST(PromptAndReply, ADialogThatItsAnswerChangesIsRefused) {
  const auto format = make_chat_format("chatml-qwen3", qwen_bytes());
  const Dialog dialog = {.messages = {{.sender = Sender::kUser, .content = "q"},
                                      {.sender = Sender::kAssistant, .content = "wait", .ending = Ending::kMessage},
                                      {.sender = Sender::kAssistant, .content = "a"}}};
  try {
    split_at_reply(*format, dialog, 2);
    FAIL() << "the prompt of the reply is not the one that was sampled from";
  } catch (const base::UserError& error) {
    EXPECT_NE(std::string_view(error.what()).find("chatml-qwen3"), std::string_view::npos) << error.what();
  }
}

}  // namespace
}  // namespace drover::chat
