#pragma once

#include <string_view>
#include <vector>

#include "chat/dialog_writer.h"
#include "chat/reply_text.h"

namespace drover::chat {

/// An empty block of thoughts, which Qwen3 writes before an answer without thinking.
inline constexpr std::string_view kEmptyThink = "<think>\n\n</think>\n\n";

/// The part of an assistant's content after a block of thoughts at its beginning; the whole content without one.
std::string_view answer_after_think(std::string_view content);

/// Reads ChatML replies: content, then calls between <tool_call> and </tool_call>, each one JSON object or a list of them. Where the
/// tags are tokens of the vocabulary only these tokens count; where they are text, they count when the dialog offers tools.
class ChatMlReplyGrammar final : public ReplyGrammar {
 public:
  struct Rules {
    bool reads_calls = true;
    bool drops_empty_think = false;  ///< Qwen3: an empty block of thoughts is no content
  };

  ChatMlReplyGrammar(Rules rules, Marker call_begin, Marker call_end, std::vector<text::TokenId> allowed_marks,
                     std::vector<text::TokenId> terminators, OfferedTools offered);

  bool is_mark(text::TokenId id) const override;
  bool is_terminator(text::TokenId id) const override;
  CertainContent certain_content(const ReplyText& reply) override;
  ParsedReply parse(const ReplyText& reply) override;

 private:
  bool reads_calls() const { return rules_.reads_calls && (call_begin_.id() || offered_.any()); }
  /// Where the marker stands at or after `from`; npos when it does not.
  std::size_t find(const ReplyText& reply, const Marker& marker, std::size_t from) const;

  Rules rules_;
  Marker call_begin_;
  Marker call_end_;
  std::vector<text::TokenId> allowed_marks_;
  std::vector<text::TokenId> terminators_;
  OfferedTools offered_;
  std::size_t scanned_ = 0;
};

}  // namespace drover::chat
