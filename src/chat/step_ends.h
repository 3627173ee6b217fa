#pragma once

#include <cstddef>
#include <vector>

#include "chat/reply_tokens.h"
#include "text/tokenizer.h"

namespace drover::chat {

/// Where the steps of a reply end. A step is a line of the assistant's content that is not blank; it ends at the token that holds its
/// last visible byte (a token may hold the line break as well). Indices into `reply.reply.ids`, rising; a token that ends two steps
/// stands once. Calls, headers and tool results hold no steps.
std::vector<std::size_t> step_ends(const text::Tokenizer& tokenizer, const PromptAndReply& reply);

}  // namespace drover::chat
