#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "chat/chat_format.h"
#include "chat/dialog.h"

namespace drover::chat {

/// A dialog cut in two where the assistant begins to answer: what sampling, scoring and training all start from.
struct PromptAndReply {
  std::vector<text::TokenId> prompt;  ///< what the model saw before it answered, the header of its message included
  RenderedDialog reply;               ///< what follows, up to the last token that the assistant said; `messages` index the whole dialog
  std::vector<std::uint8_t> said;     ///< for each token of `reply`: 1 for content, calls and terminators of the assistant's messages
};

/// Renders `dialog` and cuts it before the content of message `first_of_reply`, an assistant's message (checked). The prompt's ids are
/// those that `render` gives for the messages before it with a generation prompt, so what is learned follows exactly what was sampled
/// from; throws UserError where a format rewrites earlier messages once an answer follows (Qwen3 drops the thoughts of an earlier one). What follows the last token that the assistant said (ChatML's newline, a tool's result) is left out.
PromptAndReply split_at_reply(const ChatFormat& format, const Dialog& dialog, std::size_t first_of_reply);

}  // namespace drover::chat
