#include "chat/assistant_turn.h"

#include <algorithm>

namespace drover::chat {

std::vector<MessageRange> assistant_turns(const Dialog& dialog) {
  std::vector<MessageRange> turns;
  bool inside = false;
  for (std::size_t i = 0; i < dialog.messages.size(); ++i) {
    const Sender sender = dialog.messages[i].sender;
    if (sender == Sender::kUser || sender == Sender::kSystem) {
      inside = false;
    } else if (inside) {
      turns.back().end = i + 1;
    } else if (sender == Sender::kAssistant) {
      inside = true;
      turns.push_back({i, i + 1});
    }
  }
  return turns;
}

MessageRange final_assistant_turn(const Dialog& dialog) {
  const auto turns = assistant_turns(dialog);
  const std::size_t size = dialog.messages.size();
  return turns.empty() || turns.back().end != size ? MessageRange{size, size} : turns.back();
}

std::optional<std::string> nothing_to_learn(const Dialog& dialog) {
  const MessageRange turn = final_assistant_turn(dialog);
  if (turn.empty()) return "it does not end with an assistant's message";
  const auto says_something = [](const Message& message) {
    return message.sender == Sender::kAssistant && (!message.content.empty() || !message.calls.empty());
  };
  const auto begin = dialog.messages.begin();
  if (std::none_of(begin + static_cast<std::ptrdiff_t>(turn.begin), begin + static_cast<std::ptrdiff_t>(turn.end), says_something)) {
    return "the assistant's last turn is empty";
  }
  return std::nullopt;
}

}  // namespace drover::chat
