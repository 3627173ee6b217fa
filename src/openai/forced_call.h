#pragma once

#include <span>
#include <string>
#include <vector>

#include "chat/chat_format.h"

namespace drover::openai {

/// What every call of these functions begins with in the format, behind the generation prompt: a reply that starts with it can only be
/// a call. With one function it reaches to the arguments. Throws UserError when the format's calls have no common beginning.
std::vector<text::TokenId> forced_call(const chat::ChatFormat& format, const chat::Dialog& dialog, std::span<const std::string> functions);

}  // namespace drover::openai
