#pragma once

#include <optional>
#include <string_view>

#include "text/tokenizer.h"

namespace drover::chat {

/// The control tokens of Llama 3. The names of reserved tokens differ between releases, their ids do not: end of message is always
/// eight after begin of text and the python tag ten, so a vocabulary of Llama 3.0, which calls them "reserved", has them too.
struct LlamaTokens {
  /// Throws UserError that names `format` when the tokenizer is not Llama 3's.
  LlamaTokens(const text::Tokenizer& tokenizer, std::string_view format);

  text::TokenId begin_of_text;
  text::TokenId start_header;
  text::TokenId end_header;
  text::TokenId end_of_turn;
  std::optional<text::TokenId> end_of_text;
  std::optional<text::TokenId> end_of_message;
  std::optional<text::TokenId> python_tag;
};

}  // namespace drover::chat
