#include "chat/llama_family.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "chat/core_tools.h"

namespace drover::chat {
namespace {

std::string_view role_of(Sender sender) {
  switch (sender) {
    case Sender::kSystem: return "system";
    case Sender::kUser: return "user";
    case Sender::kAssistant: return "assistant";
    case Sender::kTool: return "ipython";
  }
  return "";
}

/// The text of a core tool's call or of code.
std::string core_call_text(const ToolCall& call, std::string_view where) {
  if (call.kind == ToolCall::Kind::kCode) return call.code;
  const auto query = call.arguments.find("query");
  if (query == call.arguments.end() || !query->is_string()) {
    throw base::UserError("{}: the core tool '{}' takes one text, \"query\".", where, call.name);
  }
  const std::string& text = query->get_ref<const std::string&>();
  if (text.find('"') != std::string::npos) {
    throw base::UserError("{}: the query of '{}' contains a double quote, which this format cannot write. Use single quotes.", where,
                          call.name);
  }
  return fmt::format("{}.call(query=\"{}\")", call.name, text);
}

}  // namespace

LlamaFamily::LlamaFamily(std::string_view name, std::shared_ptr<const text::Tokenizer> tokenizer, LlamaReplyGrammar::Rules rules)
    : name_(name), tokenizer_(std::move(tokenizer)), tokens_(*tokenizer_, name_), rules_(rules) {
  if (!rules_.reads_calls) return;
  if (!tokens_.end_of_message) require_control(*tokenizer_, "<|eom_id|>", name_);
  if (!tokens_.python_tag) require_control(*tokenizer_, "<|python_tag|>", name_);
}

RenderedDialog LlamaFamily::render(const Dialog& dialog, const RenderOptions& options) const {
  if (!rules_.reads_calls && has_environment(dialog)) {
    throw base::UserError("The format '{}' has no tools. Use llama-3.1, or leave tools and core_tools out.", name_);
  }
  DialogWriter writer(*tokenizer_);
  writer.control(tokens_.begin_of_text, TokenRole::kBegin);

  const auto& messages = dialog.messages;
  const bool has_system = !messages.empty() && messages.front().sender == Sender::kSystem;
  const auto given = has_system ? std::optional(trimmed(messages.front().content)) : std::nullopt;
  if (const auto system = system_text(dialog, given)) {
    writer.begin_message(has_system ? 0 : -1);
    write_message(writer, "system", *system);
  }
  if (const std::string prompt = tool_prompt(dialog); !prompt.empty()) {
    writer.begin_message(-1);
    write_message(writer, "user", prompt);
  }
  for (std::size_t i = has_system ? 1 : 0; i < messages.size(); ++i) {
    const Message& message = messages[i];
    writer.begin_message(static_cast<std::int32_t>(i));
    if (message.sender == Sender::kAssistant) {
      write_assistant(writer, message, fmt::format("message {}", i));
    } else if (message.sender == Sender::kTool) {
      if (!rules_.reads_calls) throw base::UserError("message {}: the format '{}' has no tools. Use llama-3.1.", i, name_);
      write_message(writer, role_of(message.sender), result_text(message));
    } else {
      write_message(writer, role_of(message.sender), trimmed(message.content));
    }
  }
  if (options.generation_prompt) {
    writer.begin_message(-1);
    write_header(writer, "assistant");
  }
  return writer.finish();
}

void LlamaFamily::write_header(DialogWriter& writer, std::string_view role) const {
  writer.control(tokens_.start_header, TokenRole::kHeader);
  writer.text(role, TokenRole::kHeader);
  writer.control(tokens_.end_header, TokenRole::kHeader);
  writer.text("\n\n", TokenRole::kHeader);
  writer.boundary();
}

void LlamaFamily::write_message(DialogWriter& writer, std::string_view role, std::string_view content) const {
  write_header(writer, role);
  writer.text(content, TokenRole::kContent);
  writer.control(tokens_.end_of_turn, TokenRole::kTerminator);
}

void LlamaFamily::write_assistant(DialogWriter& writer, const Message& message, std::string_view where) const {
  write_header(writer, "assistant");
  writer.text(message.content, TokenRole::kContent);
  bool ends_message = message.ending == Ending::kMessage && message.calls.empty();
  if (!message.calls.empty()) {
    if (!rules_.reads_calls) throw base::UserError("{}: the format '{}' has no tool calls. Use llama-3.1.", where, name_);
    const auto is_core = [](const ToolCall& call) { return call.kind != ToolCall::Kind::kFunction; };
    const bool core = std::any_of(message.calls.begin(), message.calls.end(), is_core);
    if (message.calls.size() > 1 && (core || !rules_.many_calls)) {
      throw base::UserError("{}: {} calls in one message, but the format '{}' can write one{}. Give each call a message of its own.",
                            where, message.calls.size(), name_, rules_.many_calls ? " when a core tool is called" : "");
    }
    writer.boundary();
    if (core || tags_function_calls()) {
      writer.control(*tokens_.python_tag, TokenRole::kToolCall);
      ends_message = true;
    }
    writer.text(core ? core_call_text(message.calls.front(), where) : call_text_of(message, where), TokenRole::kToolCall);
  }
  if (message.ending == Ending::kCut) return;
  const bool eom = ends_message && rules_.reads_calls && tokens_.end_of_message;  // Llama 3.0 knows one terminator only
  writer.control(eom ? *tokens_.end_of_message : tokens_.end_of_turn, TokenRole::kTerminator);
}

std::unique_ptr<ReplyParser> LlamaFamily::start_reply(const Dialog& dialog) const {
  return std::make_unique<GrammarReplyParser>(tokenizer_, std::make_unique<LlamaReplyGrammar>(tokens_, rules_, OfferedTools(dialog)));
}

std::vector<text::TokenId> LlamaFamily::stop_ids() const {
  std::vector<text::TokenId> ids;
  if (tokens_.end_of_text) ids.push_back(*tokens_.end_of_text);
  if (rules_.reads_calls && tokens_.end_of_message) ids.push_back(*tokens_.end_of_message);
  ids.push_back(tokens_.end_of_turn);
  return ids;
}

bool has_environment(const Dialog& dialog) { return !dialog.tools.empty() || !dialog.core_tools.empty(); }

std::string llama_dates(const Dialog& dialog) {
  return fmt::format("Cutting Knowledge Date: December 2023\nToday Date: {}", dialog.today.empty() ? "26 Jul 2024" : dialog.today);
}

std::string llama_environment(const Dialog& dialog, std::string_view given) {
  std::vector<std::string> listed;
  for (const std::string& tool : dialog.core_tools) {
    if (tool != kCodeInterpreter) listed.push_back(tool);  // the environment alone switches the interpreter on
  }
  std::string text = "Environment: ipython\n";
  if (!listed.empty()) text += fmt::format("Tools: {}", fmt::join(listed, ", "));
  text += "\n" + llama_dates(dialog);
  if (!given.empty()) text += fmt::format("\n\n{}", given);
  return text + "\n";
}

}  // namespace drover::chat
