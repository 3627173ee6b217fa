#pragma once

#include <vector>

#include "chat/chat_format.h"
#include "chat/dialog.h"

namespace drover::chat {

/// What a classifier reads of a dialog; its outputs stand at the last token. That is the end of the final assistant turn, or, where nobody
/// has answered, the end of the prompt, from which a reply would be sampled. Throws UserError with the reason alone when the reply is empty.
std::vector<text::TokenId> classified_tokens(const ChatFormat& format, const Dialog& dialog);

}  // namespace drover::chat
