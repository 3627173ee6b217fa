#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chat/chat_format.h"
#include "generate/generator.h"
#include "text/tokenizer.h"

namespace drover::openai {

/// What reading a server's answer needs beside the answer.
struct RemoteReplyContext {
  const generate::GenerationRequest* request = nullptr;
  bool is_chat = true;                           ///< from /chat/completions, not /completions
  const text::Tokenizer* tokenizer = nullptr;    ///< may be null
  const chat::ChatFormat* format = nullptr;      ///< may be null
};

/// The replies in a server's answer, one a choice, in the answer's order. Throws UserError that says what about it is nonsense.
std::vector<generate::Response> read_remote_replies(std::string_view body, const RemoteReplyContext& context);

/// The prompt's ids, where the answer holds them ("prompt_token_ids"); else empty.
std::vector<text::TokenId> read_remote_prompt(std::string_view body);

/// What a server says in an error's body: {"error": {"message": ...}}, {"error": ...}, {"message": ...}, {"detail": ...}, else the
/// beginning of the text. At most 300 bytes, safe to show.
std::string read_remote_error(std::string_view body);

}  // namespace drover::openai
