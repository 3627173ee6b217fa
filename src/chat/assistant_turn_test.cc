#include "chat/assistant_turn.h"

#include <gtest/gtest.h>

namespace drover::chat {
namespace {

/// s, u, a, t: messages of the system, the user, the assistant and a tool.
Dialog dialog_of(std::string_view senders) {
  Dialog dialog;
  for (const char c : senders) {
    const Sender sender = c == 's' ? Sender::kSystem : c == 'u' ? Sender::kUser : c == 'a' ? Sender::kAssistant : Sender::kTool;
    dialog.messages.push_back({.sender = sender, .content = "x"});
  }
  return dialog;
}

TEST(AssistantTurns, RunFromAnAssistantToTheNextQuestion) {
  EXPECT_EQ(assistant_turns(dialog_of("suauata")), (std::vector<MessageRange>{{2, 3}, {4, 7}}));
  EXPECT_EQ(assistant_turns(dialog_of("suau")), (std::vector<MessageRange>{{2, 3}}));
  EXPECT_EQ(assistant_turns(dialog_of("uataau")), (std::vector<MessageRange>{{1, 5}}));
  EXPECT_TRUE(assistant_turns(dialog_of("sut")).empty());
}

TEST(FinalAssistantTurn, IsEmptyWhenAQuestionIsOpen) {
  EXPECT_EQ(final_assistant_turn(dialog_of("suata")), (MessageRange{2, 5}));
  EXPECT_EQ(final_assistant_turn(dialog_of("uat")), (MessageRange{1, 3}));
  EXPECT_TRUE(final_assistant_turn(dialog_of("uau")).empty());
  EXPECT_TRUE(final_assistant_turn(dialog_of("")).empty());
}

TEST(NothingToLearn, SaysWhy) {
  EXPECT_EQ(nothing_to_learn(dialog_of("ua")), std::nullopt);
  EXPECT_EQ(nothing_to_learn(dialog_of("uau")), "it does not end with an assistant's message");
  Dialog empty = dialog_of("ua");
  empty.messages.back().content.clear();
  EXPECT_EQ(nothing_to_learn(empty), "the assistant's last turn is empty");
  empty.messages.back().calls.push_back({.name = "f"});
  EXPECT_EQ(nothing_to_learn(empty), std::nullopt);
}

}  // namespace
}  // namespace drover::chat
