#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "chat/chat_format.h"
#include "text/tokenizer.h"

namespace drover::chat {

/// A marker that is one control token where the tokenizer has it, and plain text where it does not (`<tool_call>`).
class Marker {
 public:
  Marker(const text::Tokenizer& tokenizer, std::string_view spelling)
      : spelling_(spelling), id_(tokenizer.special(spelling)) {}

  const std::string& spelling() const { return spelling_; }
  std::optional<text::TokenId> id() const { return id_; }

 private:
  std::string spelling_;
  std::optional<text::TokenId> id_;
};

/// Puts a RenderedDialog together, piece by piece. Neighbouring texts of one role and one message are encoded together, everything
/// else separately: a header's newlines never merge with the newlines that a content begins with. Text never becomes a control token,
/// nor one of `markers`.
class DialogWriter {
 public:
  /// `markers` must outlive the writer. Tokenizers find added tokens that they do not call special (Qwen's `<tool_call>`) in any text;
  /// text that spells one of these markers is written as the plain characters, so that nobody can forge it.
  explicit DialogWriter(const text::Tokenizer& tokenizer, std::span<const Marker> markers = {});

  /// What follows belongs to this message (-1: to none).
  void begin_message(std::int32_t message);
  void control(text::TokenId id, TokenRole role);
  void text(std::string_view text, TokenRole role);
  void marker(const Marker& marker, TokenRole role);
  /// Ends the piece of text at hand: what comes next is encoded separately.
  void boundary();

  RenderedDialog finish();

 private:
  std::size_t next_marker(std::string_view text) const;  // where the first spelling of a marker begins

  const text::Tokenizer& tokenizer_;
  std::span<const Marker> markers_;
  RenderedDialog rendered_;
  std::int32_t message_ = -1;
  std::string pending_;
  TokenRole pending_role_ = TokenRole::kHeader;
};

/// Finds a control token by its spelling; throws UserError that names the format when the tokenizer lacks it.
text::TokenId require_control(const text::Tokenizer& tokenizer, std::string_view spelling, std::string_view format);

/// Whether the tokenizer puts a blank before every text that it encodes (SentencePiece's dummy prefix).
bool adds_blank(const text::Tokenizer& tokenizer);

/// The text without white space at its ends, as Python's str.strip() and so the templates' `trim` take it.
std::string_view trimmed(std::string_view text);

}  // namespace drover::chat
