#include <fmt/format.h>

#include <algorithm>

#include "base/content_hash.h"
#include "base/error.h"
#include "chat/call_json.h"
#include "chat/dialog_writer.h"
#include "chat/inst_formats.h"
#include "chat/inst_reply.h"
#include "chat/json_text.h"
#include "chat/strict_json.h"

namespace drover::chat {
namespace {

constexpr std::string_view kName = "mistral";

class Mistral final : public ChatFormat {
 public:
  explicit Mistral(std::shared_ptr<const text::Tokenizer> tokenizer)
      : tokenizer_(std::move(tokenizer)),
        begin_(require_control(*tokenizer_, "<s>", kName)),
        end_(require_control(*tokenizer_, "</s>", kName)),
        question_begin_(*tokenizer_, "[INST]"),
        question_end_(*tokenizer_, "[/INST]"),
        tools_begin_(*tokenizer_, "[AVAILABLE_TOOLS]"),
        tools_end_(*tokenizer_, "[/AVAILABLE_TOOLS]"),
        calls_(*tokenizer_, "[TOOL_CALLS]"),
        result_begin_(*tokenizer_, "[TOOL_RESULTS]"),
        result_end_(*tokenizer_, "[/TOOL_RESULTS]"),
        has_controls_(question_begin_.id() && question_end_.id()),
        blank_before_(adds_blank(*tokenizer_)) {}

  std::string_view name() const override { return kName; }
  const text::Tokenizer& tokenizer() const override { return *tokenizer_; }
  std::vector<text::TokenId> stop_ids() const override { return {end_}; }

  RenderedDialog render(const Dialog& dialog, const RenderOptions&) const override {
    check_alternation(dialog, kName);
    if (!dialog.core_tools.empty()) throw base::UserError("The format '{}' has no core tools; they are Llama 3.1's.", kName);
    if (!dialog.tools.empty()) require_tools();
    DialogWriter writer(*tokenizer_);
    writer.control(begin_, TokenRole::kBegin);
    const auto& messages = dialog.messages;
    const bool has_system = !messages.empty() && messages.front().sender == Sender::kSystem;
    const std::size_t last = last_question(dialog);
    for (std::size_t i = has_system ? 1 : 0; i < messages.size(); ++i) {
      const Message& message = messages[i];
      if (message.sender == Sender::kUser) {
        if (i == last && !dialog.tools.empty()) write_tools(writer, dialog);
        writer.begin_message(static_cast<std::int32_t>(i));
        const bool holds_system = has_system && i == (has_controls_ ? last : 1);
        write_question(writer, holds_system ? fmt::format("{}\n\n{}", messages.front().content, message.content) : message.content);
        continue;
      }
      writer.begin_message(static_cast<std::int32_t>(i));
      if (message.sender == Sender::kTool) {
        write_result(writer, message);
      } else {
        write_answer(writer, message, i);
      }
    }
    return writer.finish();
  }

  std::unique_ptr<ReplyParser> start_reply(const Dialog& dialog) const override {
    const InstReplyGrammar::Rules rules{.blank_before = blank_before_, .blank_after = false, .tool_calls = calls_.id()};
    return std::make_unique<GrammarReplyParser>(tokenizer_, std::make_unique<InstReplyGrammar>(rules, end_, OfferedTools(dialog)));
  }

 private:
  void require_tools() const {
    if (calls_.id() && tools_begin_.id() && tools_end_.id() && result_begin_.id() && result_end_.id()) return;
    throw base::UserError("This tokenizer has no token [TOOL_CALLS], so the format '{}' has no tools with it. Leave the tools out.", kName);
  }

  static std::size_t last_question(const Dialog& dialog) {
    for (std::size_t i = dialog.messages.size(); i > 0; --i) {
      if (dialog.messages[i - 1].sender == Sender::kUser) return i - 1;
    }
    return 0;
  }

  void write_tools(DialogWriter& writer, const Dialog& dialog) const {
    Json tools = Json::array();
    for (const ToolDefinition& tool : dialog.tools) tools.push_back(tool_json(tool));
    writer.begin_message(-1);
    writer.control(*tools_begin_.id(), TokenRole::kHeader);
    writer.text(json_text(tools), TokenRole::kContent);
    writer.control(*tools_end_.id(), TokenRole::kHeader);
  }

  void write_question(DialogWriter& writer, std::string_view text) const {
    if (!has_controls_) {
      writer.text(fmt::format("[INST] {} [/INST]", text), TokenRole::kContent);
      writer.boundary();
      return;
    }
    writer.control(*question_begin_.id(), TokenRole::kHeader);
    writer.text(text, TokenRole::kContent);
    writer.control(*question_end_.id(), TokenRole::kHeader);
  }

  void write_answer(DialogWriter& writer, const Message& message, std::size_t index) const {
    writer.text(message.content, TokenRole::kContent);
    if (!message.calls.empty()) {
      require_tools();
      if (!message.content.empty()) {
        throw base::UserError("message {}: text and calls cannot stand in one message in the format '{}'. Leave the text out.", index, kName);
      }
      Json list = Json::array();
      for (const ToolCall& call : message.calls) {
        if (call.kind != ToolCall::Kind::kFunction) {
          throw base::UserError("message {}: the format '{}' cannot call the core tool '{}'; core tools are Llama 3.1's.", index, kName, call.name);
        }
        Json entry = Json::object();
        entry["name"] = call.name;
        entry["arguments"] = call.arguments;
        if (!call.id.empty()) entry["id"] = short_id(call.id);
        list.push_back(std::move(entry));
      }
      writer.control(*calls_.id(), TokenRole::kToolCall);
      writer.text(json_text(list), TokenRole::kToolCall);
    }
    if (message.ending != Ending::kCut) writer.control(end_, TokenRole::kTerminator);
  }

  void write_result(DialogWriter& writer, const Message& message) const {
    require_tools();
    const auto parsed = parse_strict_json(message.content);
    const Json* value = std::get_if<Json>(&parsed);
    std::string text = fmt::format("{{\"content\": {}", value != nullptr ? json_text(*value) : json_quoted(message.content));
    if (!message.call_id.empty()) text += fmt::format(", \"call_id\": {}", json_quoted(short_id(message.call_id)));
    writer.control(*result_begin_.id(), TokenRole::kHeader);
    writer.text(text + "}", TokenRole::kContent);
    writer.control(*result_end_.id(), TokenRole::kHeader);
  }

  /// Mistral's ids are nine letters or digits. Other ids are mapped to such ones, the same id always to the same.
  static std::string short_id(const std::string& id) {
    const auto is_plain = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    if (id.size() == 9 && std::all_of(id.begin(), id.end(), is_plain)) return id;
    return base::content_hash(std::string_view(id)).hex().substr(0, 9);
  }

  std::shared_ptr<const text::Tokenizer> tokenizer_;
  text::TokenId begin_;
  text::TokenId end_;
  Marker question_begin_;
  Marker question_end_;
  Marker tools_begin_;
  Marker tools_end_;
  Marker calls_;
  Marker result_begin_;
  Marker result_end_;
  bool has_controls_;
  bool blank_before_;
};

}  // namespace

std::shared_ptr<const ChatFormat> make_mistral(std::shared_ptr<const text::Tokenizer> tokenizer) {
  return std::make_shared<Mistral>(std::move(tokenizer));
}

}  // namespace drover::chat
