#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chat/chat_format.h"
#include "chat/chatml_reply.h"
#include "chat/dialog_writer.h"

namespace drover::chat {

/// The message grammar that all ChatML formats share:
///
///   prompt  := message ("\n" message)* ["\n" header("assistant")]
///   message := <|im_start|> role "\n" content <|im_end|>
///
/// The newline after <|im_end|> stands only between messages and belongs to the header of the next one: the model never writes it, and
/// so a prompt with its reply is a beginning of every longer dialog. (The published templates also end the last message with one.)
/// Contents are not trimmed. No format adds a begin-of-sequence token.
class ChatMlFamily : public ChatFormat {
 public:
  std::string_view name() const final { return name_; }
  RenderedDialog render(const Dialog& dialog, const RenderOptions& options) const final;
  std::unique_ptr<ReplyParser> start_reply(const Dialog& dialog) const final;
  std::vector<text::TokenId> stop_ids() const final { return stop_ids_; }
  const text::Tokenizer& tokenizer() const final { return *tokenizer_; }

 protected:
  /// `more_stops`: spellings of tokens that end a reply beside <|im_end|>, where the tokenizer has them.
  ChatMlFamily(std::string_view name, std::shared_ptr<const text::Tokenizer> tokenizer, ChatMlReplyGrammar::Rules rules,
               std::initializer_list<std::string_view> more_stops = {});

  /// Whether there is a system message. `is_given`: the dialog has one of its own.
  virtual bool has_system(const Dialog& dialog, bool is_given) const;
  /// Writes the system message's content. `given`: the dialog's own, if it has one.
  virtual void write_system(DialogWriter& writer, const Dialog& dialog, std::optional<std::string_view> given) const = 0;
  /// Writes what an assistant says before its calls, `index` in the dialog.
  virtual void write_content(DialogWriter& writer, const Dialog& dialog, std::size_t index) const;
  virtual void write_calls(DialogWriter& writer, const Message& message) const = 0;
  /// Whether tool results stand as <tool_response> in messages of the user, neighbours in one message.
  virtual bool wraps_results() const { return false; }

  const Marker& call_begin() const { return markers_[0]; }
  const Marker& call_end() const { return markers_[1]; }

 private:
  void write_header(DialogWriter& writer, std::string_view role) const;
  const Marker& response_begin() const { return markers_[2]; }
  const Marker& response_end() const { return markers_[3]; }
  void write_result(DialogWriter& writer, const Dialog& dialog, std::size_t index) const;

  std::string name_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  ChatMlReplyGrammar::Rules rules_;
  text::TokenId start_;
  text::TokenId end_;
  std::array<Marker, 4> markers_;  // around calls, then around tool results
  std::vector<text::TokenId> stop_ids_;
};

std::shared_ptr<const ChatFormat> make_chatml(std::shared_ptr<const text::Tokenizer> tokenizer);
std::shared_ptr<const ChatFormat> make_chatml_smollm2(std::shared_ptr<const text::Tokenizer> tokenizer);
std::shared_ptr<const ChatFormat> make_chatml_qwen25(std::shared_ptr<const text::Tokenizer> tokenizer);
std::shared_ptr<const ChatFormat> make_chatml_qwen3(std::shared_ptr<const text::Tokenizer> tokenizer);

}  // namespace drover::chat
