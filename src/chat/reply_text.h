#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "chat/chat_format.h"

namespace drover::chat {

/// A control token in a reply's text, which holds its spelling at this place.
struct ControlMark {
  std::size_t offset = 0;
  std::size_t length = 0;
  text::TokenId id = text::kNoToken;
};

/// A reply as text that still knows which of its characters are control tokens. The terminator is not part of it.
struct ReplyText {
  std::string text;
  std::vector<ControlMark> marks;
  std::optional<text::TokenId> terminator;

  /// The first mark with this id.
  const ControlMark* find(text::TokenId id) const;
};

/// What a reply's calls are checked against: the names that its dialog offers.
struct OfferedTools {
  explicit OfferedTools(const Dialog& dialog);

  std::unordered_set<std::string> functions;
  std::unordered_set<std::string> core_tools;

  bool any() const { return !functions.empty() || !core_tools.empty(); }
  /// The fault of the first call that the dialog does not offer.
  std::optional<ReplyFault> check(const std::vector<ToolCall>& calls) const;
};

/// The part of a reply's text, so far, that is certain to be content, as byte offsets.
struct CertainContent {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// How one format reads replies. Immutable but for what `certain_content` remembers; one object a reply.
class ReplyGrammar {
 public:
  virtual ~ReplyGrammar() = default;
  /// Tokens that are kept as marks; other tokens are text. Special tokens are always kept as marks.
  virtual bool is_mark(text::TokenId id) const = 0;
  virtual bool is_terminator(text::TokenId id) const = 0;
  /// Called after each token with the text so far. `begin` must not change once `end` has passed it, and `end` must not fall.
  virtual CertainContent certain_content(const ReplyText& reply) = 0;
  /// Reads the whole reply.
  virtual ParsedReply parse(const ReplyText& reply) = 0;
};

/// Collects a reply's tokens for a grammar and streams the text that is certain.
class GrammarReplyParser final : public ReplyParser {
 public:
  GrammarReplyParser(std::shared_ptr<const text::Tokenizer> tokenizer, std::unique_ptr<ReplyGrammar> grammar);

  std::string push(text::TokenId id) override;
  bool is_finished() const override { return reply_.terminator.has_value(); }
  bool ends_at(text::TokenId id) const override { return grammar_->is_terminator(id); }
  ParsedReply finish() override;

 private:
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  std::unique_ptr<ReplyGrammar> grammar_;
  ReplyText reply_;
  std::size_t streamed_ = 0;  // the text up to here was handed out
  bool has_more_after_end_ = false;
};

/// A malformed reply: its text stays as content.
ParsedReply malformed(std::string content, Ending ending, std::string reason, std::size_t offset);

/// A reply that is one message.
ParsedReply one_message(Message message, std::optional<ReplyFault> fault = std::nullopt);

/// The end of the last whole UTF-8 character at or before the end of the text; bytes that begin no character count as whole.
std::size_t end_of_whole_characters(std::string_view text);

/// The length of the longest ending of `text` that `marker` begins with (0 when there is none, `marker.size()` when it ends with it).
std::size_t length_of_begun_marker(std::string_view text, std::string_view marker);

}  // namespace drover::chat
