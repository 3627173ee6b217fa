#include "chat/reply_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/shown_name.h"

namespace drover::chat {

const ControlMark* ReplyText::find(text::TokenId id) const {
  const auto found = std::find_if(marks.begin(), marks.end(), [id](const ControlMark& mark) { return mark.id == id; });
  return found == marks.end() ? nullptr : &*found;
}

OfferedTools::OfferedTools(const Dialog& dialog) : core_tools(dialog.core_tools.begin(), dialog.core_tools.end()) {
  for (const ToolDefinition& tool : dialog.tools) functions.insert(tool.name);
}

std::optional<ReplyFault> OfferedTools::check(const std::vector<ToolCall>& calls) const {
  for (const ToolCall& call : calls) {
    const bool is_function = call.kind == ToolCall::Kind::kFunction;
    if ((is_function ? functions : core_tools).contains(call.name)) continue;
    return ReplyFault{ReplyFault::Kind::kUnknownFunction,
                      fmt::format("The reply calls the {} \"{}\", which the dialog does not offer.",
                                  is_function ? "function" : "core tool", base::escaped_name(call.name)),
                      0};
  }
  return std::nullopt;
}

GrammarReplyParser::GrammarReplyParser(std::shared_ptr<const text::Tokenizer> tokenizer, std::unique_ptr<ReplyGrammar> grammar)
    : tokenizer_(std::move(tokenizer)), grammar_(std::move(grammar)) {}

std::string GrammarReplyParser::push(text::TokenId id) {
  if (is_finished()) {
    has_more_after_end_ = true;
    return {};
  }
  if (grammar_->is_terminator(id)) {
    reply_.terminator = id;
    return {};
  }
  const std::string_view bytes = tokenizer_->bytes_of(id);
  if (grammar_->is_mark(id) || tokenizer_->is_special(id)) reply_.marks.push_back({reply_.text.size(), bytes.size(), id});
  reply_.text += bytes;

  const CertainContent certain = grammar_->certain_content(reply_);
  streamed_ = std::max(streamed_, certain.begin);
  if (certain.end <= streamed_) return {};
  const std::size_t end = end_of_whole_characters(std::string_view(reply_.text).substr(0, certain.end));
  if (end <= streamed_) return {};
  std::string fresh = reply_.text.substr(streamed_, end - streamed_);
  streamed_ = end;
  return fresh;
}

ParsedReply GrammarReplyParser::finish() {
  ParsedReply parsed = grammar_->parse(reply_);
  if (has_more_after_end_ && !parsed.fault) {
    parsed.fault = ReplyFault{ReplyFault::Kind::kMalformed, "Tokens follow the end of the reply.", static_cast<std::int64_t>(reply_.text.size())};
  }
  return parsed;
}

ParsedReply malformed(std::string content, Ending ending, std::string reason, std::size_t offset) {
  Message message;
  message.sender = Sender::kAssistant;
  message.content = std::move(content);
  message.ending = ending;
  return one_message(std::move(message), ReplyFault{ReplyFault::Kind::kMalformed, std::move(reason), static_cast<std::int64_t>(offset)});
}

ParsedReply one_message(Message message, std::optional<ReplyFault> fault) {
  ParsedReply parsed;
  parsed.messages.push_back(std::move(message));
  parsed.fault = std::move(fault);
  return parsed;
}

std::size_t end_of_whole_characters(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;  // inside a character
    const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return length > back ? text.size() - back : text.size();
  }
  return text.size();
}

std::size_t length_of_begun_marker(std::string_view text, std::string_view marker) {
  for (std::size_t length = std::min(text.size(), marker.size()); length > 0; --length) {
    if (text.ends_with(marker.substr(0, length))) return length;
  }
  return 0;
}

}  // namespace drover::chat
