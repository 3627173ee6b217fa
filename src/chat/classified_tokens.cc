#include "chat/classified_tokens.h"

#include "base/error.h"
#include "chat/assistant_turn.h"
#include "chat/reply_tokens.h"

namespace drover::chat {

std::vector<text::TokenId> classified_tokens(const ChatFormat& format, const Dialog& dialog) {
  const auto turn = final_assistant_turn(dialog);
  if (turn.empty()) return format.render(dialog, {.generation_prompt = true}).ids;
  if (const auto reason = nothing_to_learn(dialog)) throw base::UserError("there is nothing to classify: {}", *reason);
  auto split = split_at_reply(format, dialog, turn.begin);
  split.prompt.insert(split.prompt.end(), split.reply.ids.begin(), split.reply.ids.end());
  return split.prompt;
}

}  // namespace drover::chat
