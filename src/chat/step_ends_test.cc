#include "chat/step_ends.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "chat/byte_tokenizer_test.h"

namespace drover::chat {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// The text of the reply up to and with each token that ends a step. Every byte is a token, except for those given.
std::vector<std::string> steps_of(const std::vector<Message>& reply, std::vector<std::string> added = {}) {
  const auto tokenizer = std::make_shared<ByteTokenizer>(std::vector<std::string>{"<|endoftext|>", "<|im_start|>", "<|im_end|>"}, std::move(added));
  const auto format = make_chat_format("chatml", tokenizer);
  Dialog dialog;
  dialog.messages.push_back({.sender = Sender::kUser, .content = "one\ntwo"});
  dialog.messages.insert(dialog.messages.end(), reply.begin(), reply.end());
  const auto split = split_at_reply(*format, dialog, 1);
  std::vector<std::string> steps;
  std::size_t begin = 0;
  for (const std::size_t end : step_ends(*tokenizer, split)) {
    steps.push_back(tokenizer->decode(std::span(split.reply.ids).subspan(begin, end + 1 - begin), {}));
    begin = end + 1;
  }
  return steps;
}

std::vector<Message> said(const std::string& content, Ending ending = Ending::kTurn) {
  return {{.sender = Sender::kAssistant, .content = content, .ending = ending}};
}

TEST(StepEnds, AreTheLastVisibleBytesOfLinesThatAreNotBlank) {
  EXPECT_THAT(steps_of(said("2 + 2 = 4\n \n\nSo 4. \n")), ElementsAre("2 + 2 = 4", "\n \n\nSo 4."));
  EXPECT_THAT(steps_of(said("one line")), ElementsAre("one line"));
  EXPECT_THAT(steps_of(said("cut off", Ending::kCut)), ElementsAre("cut off"));
  EXPECT_THAT(steps_of(said("\n \n")), IsEmpty());
}

TEST(StepEnds, ATokenMayHoldTheLineBreakAndMoreThanOneStep) {
  EXPECT_THAT(steps_of(said("a.\n\nb"), {".\n\n"}), ElementsAre("a.\n\n", "b"));
  EXPECT_THAT(steps_of(said("a\nb\nc"), {"a\nb\n"}), ElementsAre("a\nb\n", "c"));
}

}  // namespace
}  // namespace drover::chat
