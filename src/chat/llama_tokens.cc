#include "chat/llama_tokens.h"

#include "chat/dialog_writer.h"

namespace drover::chat {
namespace {

std::optional<text::TokenId> by_name_or_place(const text::Tokenizer& tokenizer, std::string_view spelling, text::TokenId begin, int place) {
  if (const auto id = tokenizer.special(spelling)) return id;
  const text::TokenId id{text::to_int(begin) + place};
  if (text::to_int(id) >= tokenizer.vocab_size() || !tokenizer.is_special(id)) return std::nullopt;
  const bool is_reserved = tokenizer.bytes_of(id).find("reserved") != std::string_view::npos;
  return is_reserved ? std::optional(id) : std::nullopt;
}

}  // namespace

LlamaTokens::LlamaTokens(const text::Tokenizer& tokenizer, std::string_view format)
    : begin_of_text(require_control(tokenizer, "<|begin_of_text|>", format)),
      start_header(require_control(tokenizer, "<|start_header_id|>", format)),
      end_header(require_control(tokenizer, "<|end_header_id|>", format)),
      end_of_turn(require_control(tokenizer, "<|eot_id|>", format)),
      end_of_text(tokenizer.special("<|end_of_text|>")),
      end_of_message(by_name_or_place(tokenizer, "<|eom_id|>", begin_of_text, 8)),
      python_tag(by_name_or_place(tokenizer, "<|python_tag|>", begin_of_text, 10)) {}

}  // namespace drover::chat
