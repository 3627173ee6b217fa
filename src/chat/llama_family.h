#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "chat/chat_format.h"
#include "chat/dialog_writer.h"
#include "chat/llama_reply.h"
#include "chat/llama_tokens.h"

namespace drover::chat {

/// The message grammar that all Llama 3 formats share:
///
///   prompt  := begin_of_text message* [header("assistant")]
///   message := start_header role end_header "\n\n" content TERMINATOR      roles: system, user, assistant, ipython (a tool's result)
///
/// Header, content and terminator are encoded separately. The formats differ in the system prompt, in how tools are announced and in
/// how functions are called. As in the published templates, contents of the system and of users lose white space at their ends; what
/// the assistant said stays byte for byte, because it is what a model wrote (the templates trim it too).
class LlamaFamily : public ChatFormat {
 public:
  std::string_view name() const final { return name_; }
  RenderedDialog render(const Dialog& dialog, const RenderOptions& options) const final;
  std::unique_ptr<ReplyParser> start_reply(const Dialog& dialog) const final;
  std::vector<text::TokenId> stop_ids() const final;
  const text::Tokenizer& tokenizer() const final { return *tokenizer_; }

 protected:
  LlamaFamily(std::string_view name, std::shared_ptr<const text::Tokenizer> tokenizer, LlamaReplyGrammar::Rules rules);

  /// The system message; nothing when there is none. `given` is the dialog's own first system message (trimmed), if it has one.
  virtual std::optional<std::string> system_text(const Dialog& dialog, std::optional<std::string_view> given) const = 0;
  /// A user message that announces the tools, after the system message; empty when there is none.
  virtual std::string tool_prompt(const Dialog& dialog) const = 0;
  /// How a tool's result is written.
  virtual std::string result_text(const Message& message) const { return message.content; }
  /// The functions' calls of one message as text. `where` names the message in errors.
  virtual std::string call_text_of(const Message& message, std::string_view where) const = 0;
  /// Whether function calls follow the python tag and end with end-of-message.
  virtual bool tags_function_calls() const = 0;

 private:
  void write_header(DialogWriter& writer, std::string_view role) const;
  void write_message(DialogWriter& writer, std::string_view role, std::string_view content) const;
  void write_assistant(DialogWriter& writer, const Message& message, std::string_view where) const;

  std::string name_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  LlamaTokens tokens_;
  LlamaReplyGrammar::Rules rules_;
};

/// "Environment: ipython" and the listed core tools, then the dates, then `given`, as the published builder of Llama 3.1 writes them.
std::string llama_environment(const Dialog& dialog, std::string_view given);

/// The two lines of dates. Dialog::today, else "26 Jul 2024" as in the published template.
std::string llama_dates(const Dialog& dialog);

/// Whether the dialog's system prompt must switch the model's tool environment on.
bool has_environment(const Dialog& dialog);

std::shared_ptr<const ChatFormat> make_llama3(std::shared_ptr<const text::Tokenizer> tokenizer);
std::shared_ptr<const ChatFormat> make_llama31(std::shared_ptr<const text::Tokenizer> tokenizer);
std::shared_ptr<const ChatFormat> make_llama31_function_tag(std::shared_ptr<const text::Tokenizer> tokenizer);
/// Llama 3.2 (text) and 3.3 write alike; `name` says which.
std::shared_ptr<const ChatFormat> make_llama_pythonic(std::string_view name, std::shared_ptr<const text::Tokenizer> tokenizer);

}  // namespace drover::chat
