#include "chat/chatml_family.h"

#include <fmt/format.h>

#include "base/error.h"
#include "chat/dialog_json.h"

namespace drover::chat {

ChatMlFamily::ChatMlFamily(std::string_view name, std::shared_ptr<const text::Tokenizer> tokenizer, ChatMlReplyGrammar::Rules rules,
                           std::initializer_list<std::string_view> more_stops)
    : name_(name),
      tokenizer_(std::move(tokenizer)),
      rules_(rules),
      start_(require_control(*tokenizer_, "<|im_start|>", name_)),
      end_(require_control(*tokenizer_, "<|im_end|>", name_)),
      markers_{Marker(*tokenizer_, "<tool_call>"), Marker(*tokenizer_, "</tool_call>"), Marker(*tokenizer_, "<tool_response>"),
               Marker(*tokenizer_, "</tool_response>")},
      stop_ids_{end_} {
  for (const std::string_view spelling : more_stops) {
    if (const auto id = tokenizer_->special(spelling)) stop_ids_.push_back(*id);
  }
}

RenderedDialog ChatMlFamily::render(const Dialog& dialog, const RenderOptions& options) const {
  if (!dialog.core_tools.empty()) throw base::UserError("The format '{}' has no core tools; they are Llama 3.1's.", name_);
  if (!rules_.reads_calls && !dialog.tools.empty()) {
    throw base::UserError("The format '{}' has no tools. Use chatml-qwen2.5, or leave the tools out.", name_);
  }
  DialogWriter writer(*tokenizer_, markers_);
  bool is_first = true;
  const auto open = [&](std::int32_t message, std::string_view role) {
    writer.begin_message(message);
    if (!is_first) writer.text("\n", TokenRole::kHeader);
    is_first = false;
    write_header(writer, role);
  };

  const auto& messages = dialog.messages;
  const bool is_given = !messages.empty() && messages.front().sender == Sender::kSystem;
  if (has_system(dialog, is_given)) {
    open(is_given ? 0 : -1, "system");
    write_system(writer, dialog, is_given ? std::optional<std::string_view>(messages.front().content) : std::nullopt);
    writer.control(end_, TokenRole::kTerminator);
  }
  for (std::size_t i = is_given ? 1 : 0; i < messages.size(); ++i) {
    const Message& message = messages[i];
    const auto index = static_cast<std::int32_t>(i);
    if (message.sender == Sender::kTool) {
      if (!rules_.reads_calls) throw base::UserError("message {}: the format '{}' has no tools. Use chatml-qwen2.5.", i, name_);
      const bool joins = wraps_results() && i > 0 && messages[i - 1].sender == Sender::kTool;
      if (joins) {
        writer.begin_message(index);
        writer.text("\n", TokenRole::kHeader);
      } else {
        open(index, wraps_results() ? "user" : "tool");
      }
      write_result(writer, dialog, i);
      continue;
    }
    open(index, name_of(message.sender));
    if (message.sender == Sender::kAssistant) {
      write_content(writer, dialog, i);
      if (!message.calls.empty()) {
        if (!rules_.reads_calls) throw base::UserError("message {}: the format '{}' has no tool calls. Use chatml-qwen2.5.", i, name_);
        for (const ToolCall& call : message.calls) {
          if (call.kind == ToolCall::Kind::kFunction) continue;
          throw base::UserError("message {}: the format '{}' cannot call the core tool '{}'; core tools are Llama 3.1's.", i, name_, call.name);
        }
        write_calls(writer, message);
      }
      if (message.ending != Ending::kCut) writer.control(end_, TokenRole::kTerminator);
    } else {
      writer.text(message.content, TokenRole::kContent);
      writer.control(end_, TokenRole::kTerminator);
    }
  }
  if (options.generation_prompt) open(-1, "assistant");
  return writer.finish();
}

void ChatMlFamily::write_header(DialogWriter& writer, std::string_view role) const {
  writer.control(start_, TokenRole::kHeader);
  writer.text(fmt::format("{}\n", role), TokenRole::kHeader);
  writer.boundary();
}

bool ChatMlFamily::has_system(const Dialog&, bool) const { return true; }

void ChatMlFamily::write_content(DialogWriter& writer, const Dialog& dialog, std::size_t index) const {
  writer.text(dialog.messages[index].content, TokenRole::kContent);
}

void ChatMlFamily::write_result(DialogWriter& writer, const Dialog& dialog, std::size_t index) const {
  const auto& messages = dialog.messages;
  if (!wraps_results()) {
    writer.text(messages[index].content, TokenRole::kContent);
    writer.control(end_, TokenRole::kTerminator);
    return;
  }
  writer.marker(response_begin(), TokenRole::kHeader);
  writer.text(fmt::format("\n{}\n", messages[index].content), TokenRole::kContent);
  writer.marker(response_end(), TokenRole::kHeader);
  const bool more = index + 1 < messages.size() && messages[index + 1].sender == Sender::kTool;
  if (!more) writer.control(end_, TokenRole::kTerminator);
}

std::unique_ptr<ReplyParser> ChatMlFamily::start_reply(const Dialog& dialog) const {
  std::vector<text::TokenId> thoughts;
  for (const std::string_view spelling : {"<think>", "</think>"}) {
    if (const auto id = tokenizer_->special(spelling)) thoughts.push_back(*id);
  }
  auto grammar = std::make_unique<ChatMlReplyGrammar>(rules_, call_begin(), call_end(), std::move(thoughts), stop_ids_, OfferedTools(dialog));
  return std::make_unique<GrammarReplyParser>(tokenizer_, std::move(grammar));
}

}  // namespace drover::chat
