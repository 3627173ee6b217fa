#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "chat/dialog.h"

namespace drover::chat {

/// Messages `begin` .. `end`-1 of a dialog.
struct MessageRange {
  std::size_t begin = 0;
  std::size_t end = 0;

  bool empty() const { return begin == end; }
  bool contains(std::size_t message) const { return message >= begin && message < end; }
  bool operator==(const MessageRange&) const = default;
};

/// The assistant turns of a dialog, in order. A turn begins with an assistant message and runs to the next user or system message; it
/// may hold several assistant messages and, between them, tool results (which are context: nobody learns them).
std::vector<MessageRange> assistant_turns(const Dialog& dialog);

/// The last assistant turn, if no user or system message follows it; else the empty range at the end.
MessageRange final_assistant_turn(const Dialog& dialog);

/// Why training on the dialog's final assistant turn would learn nothing (it ends with a question, the answer is empty), or nothing
/// when there is something to learn. One reason without a full stop, for a message to the user.
std::optional<std::string> nothing_to_learn(const Dialog& dialog);

}  // namespace drover::chat
