#include "chat/inst_reply.h"

#include <fmt/format.h>

#include <variant>

#include "chat/call_json.h"
#include "chat/dialog_writer.h"
#include "chat/strict_json.h"

namespace drover::chat {

CertainContent InstReplyGrammar::certain_content(const ReplyText& reply) {
  const std::string_view text = reply.text;
  const std::size_t begin = rules_.blank_before && text.starts_with(' ') ? 1 : 0;
  const ControlMark* calls = rules_.tool_calls ? reply.find(*rules_.tool_calls) : nullptr;
  std::size_t end = calls != nullptr ? calls->offset : text.size();
  if (rules_.blank_after && end > begin && text[end - 1] == ' ') --end;
  return {begin, end};
}

ParsedReply InstReplyGrammar::parse(const ReplyText& reply) {
  Message message;
  message.sender = Sender::kAssistant;
  message.ending = reply.terminator ? Ending::kTurn : Ending::kCut;
  std::string_view text = reply.text;
  if (rules_.blank_before && text.starts_with(' ')) text.remove_prefix(1);
  const std::size_t skipped = reply.text.size() - text.size();
  if (rules_.blank_after && reply.terminator && text.ends_with(' ')) text.remove_suffix(1);

  const ControlMark* tag = nullptr;
  for (const ControlMark& mark : reply.marks) {
    const std::string_view spelling = std::string_view(reply.text).substr(mark.offset, mark.length);
    if (mark.id != rules_.tool_calls) {
      return malformed(std::string(text), message.ending, fmt::format("The control token {} stands inside the reply.", spelling), mark.offset);
    }
    if (tag != nullptr) return malformed(std::string(text), message.ending, fmt::format("{} appears twice.", spelling), mark.offset);
    tag = &mark;
  }
  if (tag == nullptr) {
    message.content = std::string(text);
    return one_message(std::move(message));
  }

  const std::size_t body_at = tag->offset + tag->length - skipped;
  const std::string_view body = trimmed(text.substr(body_at));
  const auto parsed = parse_strict_json(body);
  if (const auto* fault = std::get_if<JsonFault>(&parsed)) {
    return malformed(std::string(text), message.ending, fmt::format("The list of calls is not JSON: {}.", fault->reason),
                     skipped + body_at + fault->offset);
  }
  const Json& list = std::get<Json>(parsed);
  if (!list.is_array() || list.empty()) {
    return malformed(std::string(text), message.ending, "The calls must be a JSON list that is not empty.", skipped + body_at);
  }
  for (const Json& object : list) {
    auto call = call_from_object(object, "arguments", /*with_id=*/true);
    if (auto* fault = std::get_if<CallFault>(&call)) {
      return malformed(std::string(text), message.ending, std::move(fault->reason), skipped + body_at);
    }
    message.calls.push_back(std::get<ToolCall>(std::move(call)));
  }
  message.content = std::string(text.substr(0, tag->offset - skipped));
  if (message.ending == Ending::kTurn) message.ending = Ending::kMessage;
  std::optional<ReplyFault> fault = offered_.check(message.calls);
  return one_message(std::move(message), std::move(fault));
}

}  // namespace drover::chat
