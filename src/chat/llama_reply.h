#pragma once

#include "chat/llama_tokens.h"
#include "chat/reply_text.h"

namespace drover::chat {

/// Reads replies of the Llama 3 family. All forms of calls that Llama models are published with are understood, in this order: a JSON
/// object, a list of Python calls, `<function=name>{...}</function>`, `core_tool.call(query="...")`, code after the python tag. (The
/// reference looks for the function tag first, and so finds it inside the texts of the other forms too.) A text that begins as one of
/// these forms and breaks it is malformed, also after the python tag, where it could be taken for code that cannot run.
/// What has no python tag is a call only when the dialog offers tools. A function named like a core tool, and not offered as a
/// function, is that core tool with the first argument as its query.
class LlamaReplyGrammar final : public ReplyGrammar {
 public:
  struct Rules {
    bool reads_calls = true;    ///< off: everything is content
    bool many_calls = false;    ///< a list may hold more than one call
  };

  LlamaReplyGrammar(const LlamaTokens& tokens, Rules rules, OfferedTools offered);

  bool is_mark(text::TokenId id) const override;
  bool is_terminator(text::TokenId id) const override;
  CertainContent certain_content(const ReplyText& reply) override;
  ParsedReply parse(const ReplyText& reply) override;

 private:
  LlamaTokens tokens_;
  Rules rules_;
  OfferedTools offered_;
  std::size_t scanned_ = 0;
  bool is_plain_start_ = false;
};

}  // namespace drover::chat
