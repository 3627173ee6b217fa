#include "chat/step_ends.h"

#include <optional>

namespace drover::chat {

std::vector<std::size_t> step_ends(const text::Tokenizer& tokenizer, const PromptAndReply& reply) {
  std::vector<std::size_t> ends;
  std::optional<std::size_t> last_visible;  // of the line that is being read
  const auto end_line = [&] {
    if (last_visible && (ends.empty() || ends.back() != *last_visible)) ends.push_back(*last_visible);
    last_visible.reset();
  };
  for (std::size_t i = 0; i < reply.reply.ids.size(); ++i) {
    if (reply.said[i] == 0 || reply.reply.roles[i] != TokenRole::kContent) {
      end_line();
      continue;
    }
    for (const char byte : tokenizer.bytes_of(reply.reply.ids[i])) {
      if (byte == '\n') {
        end_line();
      } else if (byte != ' ' && byte != '\t' && byte != '\r') {
        last_visible = i;
      }
    }
  }
  end_line();
  return ends;
}

}  // namespace drover::chat
