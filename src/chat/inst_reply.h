#pragma once

#include <optional>

#include "chat/reply_text.h"

namespace drover::chat {

/// Reads replies of the [INST] formats: content, or calls as a JSON list after the token [TOOL_CALLS] (Mistral).
class InstReplyGrammar final : public ReplyGrammar {
 public:
  struct Rules {
    bool blank_before = false;  ///< one blank at the beginning belongs to the format
    bool blank_after = false;   ///< one blank before the terminator belongs to the format
    std::optional<text::TokenId> tool_calls = std::nullopt;
  };

  InstReplyGrammar(Rules rules, text::TokenId end, OfferedTools offered)
      : rules_(rules), end_(end), offered_(std::move(offered)) {}

  bool is_mark(text::TokenId id) const override { return id == rules_.tool_calls; }
  bool is_terminator(text::TokenId id) const override { return id == end_; }
  CertainContent certain_content(const ReplyText& reply) override;
  ParsedReply parse(const ReplyText& reply) override;

 private:
  Rules rules_;
  text::TokenId end_;
  OfferedTools offered_;
};

}  // namespace drover::chat
