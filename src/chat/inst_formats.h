#pragma once

#include <memory>
#include <string_view>

#include "chat/chat_format.h"

namespace drover::chat {

/// Mistral's [INST] format. With a vocabulary that has [INST] as a control token (version 3 and later, SentencePiece or Tekken), tools
/// are announced and called with control tokens and the system message stands in the last user message; without (versions 1 and 2)
/// there are no tools and it stands in the first. Texts are encoded piece by piece as Mistral's own library does.
std::shared_ptr<const ChatFormat> make_mistral(std::shared_ptr<const text::Tokenizer> tokenizer);

/// Llama 2's [INST] format with <<SYS>>: one sequence-begin for each question.
std::shared_ptr<const ChatFormat> make_llama2(std::shared_ptr<const text::Tokenizer> tokenizer);

/// Checks what both need: after an optional system message, questions and answers take turns (an answer may call tools and go on after
/// their results). Throws UserError that names the format and the message.
void check_alternation(const Dialog& dialog, std::string_view format);

}  // namespace drover::chat
