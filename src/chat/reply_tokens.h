#pragma once

#include <cstddef>
#include <vector>

#include "chat/chat_format.h"
#include "chat/dialog.h"

namespace drover::chat {

/// A dialog cut in two where the assistant begins to answer: what sampling, scoring and training all start from.
struct PromptAndReply {
  std::vector<text::TokenId> prompt;  ///< what the model saw before it answered, the header of its message included
  RenderedDialog reply;               ///< what follows, up to the last content, call or terminator; `messages` index the whole dialog
};

/// Renders `dialog` and cuts it before the content of message `first_of_reply`, an assistant's message (checked). The prompt's ids are
/// those that `render` gives for the messages before it with a generation prompt (checked), so what is learned follows exactly what was
/// sampled from. What a format writes after the last terminator (ChatML's newline) is left out: the model never says it.
PromptAndReply split_at_reply(const ChatFormat& format, const Dialog& dialog, std::size_t first_of_reply);

}  // namespace drover::chat
