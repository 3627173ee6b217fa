#include "base/error.h"
#include "chat/dialog_json.h"
#include "chat/inst_formats.h"

namespace drover::chat {

void check_alternation(const Dialog& dialog, std::string_view format) {
  const auto& messages = dialog.messages;
  const bool has_system = !messages.empty() && messages.front().sender == Sender::kSystem;
  bool user_is_next = true;
  bool result_may_follow = false;
  for (std::size_t i = has_system ? 1 : 0; i < messages.size(); ++i) {
    const Message& message = messages[i];
    const bool is_right = message.sender == Sender::kTool        ? result_may_follow
                          : message.sender == Sender::kUser      ? user_is_next
                          : message.sender == Sender::kAssistant ? !user_is_next
                                                                  : false;
    if (!is_right) {
      throw base::UserError(
          "message {}: a message of the {} cannot stand here in the format '{}': after an optional system message, user and assistant "
          "take turns.",
          i, name_of(message.sender), format);
    }
    result_may_follow = message.sender == Sender::kTool || !message.calls.empty();
    user_is_next = message.sender == Sender::kAssistant && message.calls.empty();
  }
  if (has_system && messages.size() == 1) {
    throw base::UserError("The format '{}' writes the system message into a user's message, and there is none.", format);
  }
}

}  // namespace drover::chat
