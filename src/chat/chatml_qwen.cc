#include <fmt/format.h>

#include <algorithm>

#include "chat/call_json.h"
#include "chat/chatml_family.h"
#include "chat/json_text.h"

namespace drover::chat {
namespace {

/// What Qwen2.5 and Qwen3 share: tools between <tools> tags in the system message, calls between <tool_call> tags, tool results between
/// <tool_response> tags in a message of the user. The tags of calls and results are tokens of Qwen's vocabulary, also in the prompt.
class ChatMlQwen : public ChatMlFamily {
 protected:
  ChatMlQwen(std::string_view name, std::shared_ptr<const text::Tokenizer> tokenizer, bool thinks)
      : ChatMlFamily(name, std::move(tokenizer), {.reads_calls = true, .drops_empty_think = thinks}, {"<|endoftext|>"}) {}

  void write_tools(DialogWriter& writer, const Dialog& dialog) const {
    writer.text(
        "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
        "You are provided with function signatures within <tools></tools> XML tags:\n<tools>",
        TokenRole::kContent);
    for (const ToolDefinition& tool : dialog.tools) writer.text("\n" + json_text(tool_json(tool)), TokenRole::kContent);
    writer.text("\n</tools>\n\nFor each function call, return a json object with function name and arguments within ", TokenRole::kContent);
    writer.marker(call_begin(), TokenRole::kContent);
    writer.marker(call_end(), TokenRole::kContent);
    writer.text(" XML tags:\n", TokenRole::kContent);
    writer.marker(call_begin(), TokenRole::kContent);
    writer.text("\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n", TokenRole::kContent);
    writer.marker(call_end(), TokenRole::kContent);
  }

 private:
  bool wraps_results() const override { return true; }

  void write_calls(DialogWriter& writer, const Message& message) const override {
    // The newline is encoded with the content, as it is in the published text: one token often covers both.
    if (!answer_after_think(message.content).empty()) writer.text("\n", TokenRole::kContent);
    bool is_first = true;
    for (const ToolCall& call : message.calls) {
      if (!is_first) writer.text("\n", TokenRole::kToolCall);
      is_first = false;
      writer.marker(call_begin(), TokenRole::kToolCall);
      std::string json = call_text(call, "arguments");
      if (!call_begin().id()) json = json_inside_tags(std::move(json));
      writer.text(fmt::format("\n{}\n", json), TokenRole::kToolCall);
      writer.marker(call_end(), TokenRole::kToolCall);
    }
  }
};

class ChatMlQwen25 final : public ChatMlQwen {
 public:
  explicit ChatMlQwen25(std::shared_ptr<const text::Tokenizer> tokenizer) : ChatMlQwen("chatml-qwen2.5", std::move(tokenizer), false) {}

 private:
  void write_system(DialogWriter& writer, const Dialog& dialog, std::optional<std::string_view> given) const override {
    writer.text(given.value_or("You are Qwen, created by Alibaba Cloud. You are a helpful assistant."), TokenRole::kContent);
    if (!dialog.tools.empty()) {
      writer.text("\n\n", TokenRole::kContent);
      write_tools(writer, dialog);
    }
  }
};

/// Qwen3: contents may begin with a block of thoughts, "<think>\n...\n</think>\n\n". As in its template, thoughts of turns before the
/// last user message are left out, and a last message without thoughts begins with an empty block. Thoughts after the last user
/// message are written as they are (the template normalises the newlines around them).
class ChatMlQwen3 final : public ChatMlQwen {
 public:
  explicit ChatMlQwen3(std::shared_ptr<const text::Tokenizer> tokenizer)
      : ChatMlQwen("chatml-qwen3", std::move(tokenizer), true),
        think_begin_(this->tokenizer(), "<think>"),
        think_end_(this->tokenizer(), "</think>") {}

 private:
  bool has_system(const Dialog& dialog, bool is_given) const override { return is_given || !dialog.tools.empty(); }
  void write_system(DialogWriter& writer, const Dialog& dialog, std::optional<std::string_view> given) const override {
    if (given) writer.text(*given, TokenRole::kContent);
    if (!dialog.tools.empty()) {
      if (given) writer.text("\n\n", TokenRole::kContent);
      write_tools(writer, dialog);
    }
  }

  void write_content(DialogWriter& writer, const Dialog& dialog, std::size_t index) const override {
    std::string_view content = dialog.messages[index].content;
    const bool thinks = content.starts_with("<think>");
    if (index < last_query(dialog)) {
      if (thinks && content.find("</think>") != std::string_view::npos) {
        content = answer_after_think(content);
        content.remove_prefix(std::min(content.find_first_not_of('\n'), content.size()));
      }
      writer.text(content, TokenRole::kContent);
    } else if (thinks) {
      write_thoughts(writer, content);
    } else {
      if (index + 1 == dialog.messages.size()) write_thoughts(writer, kEmptyThink);
      writer.text(content, TokenRole::kContent);
    }
  }

  /// Content that begins with <think>; the tags become tokens where the vocabulary has them.
  void write_thoughts(DialogWriter& writer, std::string_view content) const {
    writer.marker(think_begin_, TokenRole::kContent);
    content.remove_prefix(think_begin_.spelling().size());
    const std::size_t end = content.find(think_end_.spelling());
    writer.text(content.substr(0, end), TokenRole::kContent);
    if (end == std::string_view::npos) return;
    writer.marker(think_end_, TokenRole::kContent);
    writer.text(content.substr(end + think_end_.spelling().size()), TokenRole::kContent);
  }

  /// The index of the last message in which a user asks something; the number of messages when none does.
  static std::size_t last_query(const Dialog& dialog) {
    for (std::size_t i = dialog.messages.size(); i > 0; --i) {
      const Message& message = dialog.messages[i - 1];
      const bool is_result = message.content.starts_with("<tool_response>") && message.content.ends_with("</tool_response>");
      if (message.sender == Sender::kUser && !is_result) return i - 1;
    }
    return dialog.messages.size();
  }

  Marker think_begin_;
  Marker think_end_;
};

}  // namespace

std::shared_ptr<const ChatFormat> make_chatml_qwen25(std::shared_ptr<const text::Tokenizer> tokenizer) {
  return std::make_shared<ChatMlQwen25>(std::move(tokenizer));
}

std::shared_ptr<const ChatFormat> make_chatml_qwen3(std::shared_ptr<const text::Tokenizer> tokenizer) {
  return std::make_shared<ChatMlQwen3>(std::move(tokenizer));
}

}  // namespace drover::chat
