#include "chat/chatml_reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "chat/call_json.h"
#include "chat/strict_json.h"

namespace drover::chat {
namespace {

/// What stands between one pair of tags: one call, or a list of calls.
std::variant<std::vector<ToolCall>, CallFault> read_calls(std::string_view text) {
  if (!text.starts_with('[')) {
    auto call = call_from_text(text, "arguments");
    if (auto* fault = std::get_if<CallFault>(&call)) return std::move(*fault);
    return std::vector<ToolCall>{std::get<ToolCall>(std::move(call))};
  }
  const auto parsed = parse_strict_json(text);
  if (const auto* fault = std::get_if<JsonFault>(&parsed)) {
    return CallFault{fmt::format("The list of calls is not JSON: {}.", fault->reason), fault->offset};
  }
  std::vector<ToolCall> calls;
  for (const Json& object : std::get<Json>(parsed)) {
    auto call = call_from_object(object, "arguments");
    if (auto* fault = std::get_if<CallFault>(&call)) return std::move(*fault);
    calls.push_back(std::get<ToolCall>(std::move(call)));
  }
  return calls;
}

bool holds(const std::vector<text::TokenId>& ids, text::TokenId id) { return std::find(ids.begin(), ids.end(), id) != ids.end(); }

}  // namespace

std::string_view answer_after_think(std::string_view content) {
  constexpr std::string_view kEnd = "</think>";
  if (!content.starts_with("<think>")) return content;
  const std::size_t end = content.rfind(kEnd);
  if (end == std::string_view::npos) return content;
  std::string_view answer = content.substr(end + kEnd.size());
  for (int i = 0; i < 2 && answer.starts_with('\n'); ++i) answer.remove_prefix(1);
  return answer;
}

ChatMlReplyGrammar::ChatMlReplyGrammar(Rules rules, Marker call_begin, Marker call_end, std::vector<text::TokenId> allowed_marks,
                                       std::vector<text::TokenId> terminators, OfferedTools offered)
    : rules_(rules),
      call_begin_(std::move(call_begin)),
      call_end_(std::move(call_end)),
      allowed_marks_(std::move(allowed_marks)),
      terminators_(std::move(terminators)),
      offered_(std::move(offered)) {}

bool ChatMlReplyGrammar::is_mark(text::TokenId id) const { return id == call_begin_.id() || id == call_end_.id(); }

bool ChatMlReplyGrammar::is_terminator(text::TokenId id) const { return holds(terminators_, id); }

std::size_t ChatMlReplyGrammar::find(const ReplyText& reply, const Marker& marker, std::size_t from) const {
  if (!marker.id()) return reply.text.find(marker.spelling(), from);
  for (const ControlMark& mark : reply.marks) {
    if (mark.offset >= from && mark.id == marker.id()) return mark.offset;
  }
  return std::string::npos;
}

CertainContent ChatMlReplyGrammar::certain_content(const ReplyText& reply) {
  const std::string_view text = reply.text;
  std::size_t begin = 0;
  if (rules_.drops_empty_think) {
    if (text.size() < kEmptyThink.size() && kEmptyThink.starts_with(text)) return {};
    if (text.starts_with(kEmptyThink)) begin = kEmptyThink.size();
  }
  if (!reads_calls()) return {begin, text.size()};
  scanned_ = std::max(scanned_, begin);
  std::size_t end = find(reply, call_begin_, scanned_);
  if (end == std::string::npos) {
    end = text.size();
    if (!call_begin_.id()) end -= length_of_begun_marker(text.substr(begin), call_begin_.spelling());
    scanned_ = std::max(begin, end);
  }
  // The newline before a call belongs to the call.
  if (end > begin && text[end - 1] == '\n') --end;
  return {begin, end};
}

ParsedReply ChatMlReplyGrammar::parse(const ReplyText& reply) {
  Message message;
  message.sender = Sender::kAssistant;
  message.ending = reply.terminator ? Ending::kTurn : Ending::kCut;
  const std::string_view text = reply.text;
  const std::size_t begin = rules_.drops_empty_think && text.starts_with(kEmptyThink) ? kEmptyThink.size() : 0;
  const auto fail = [&](std::string reason, std::size_t offset) {
    return malformed(std::string(text.substr(begin)), message.ending, std::move(reason), offset);
  };
  for (const ControlMark& mark : reply.marks) {
    if ((rules_.reads_calls && is_mark(mark.id)) || holds(allowed_marks_, mark.id)) continue;
    return fail(fmt::format("The control token {} stands inside the reply.", text.substr(mark.offset, mark.length)), mark.offset);
  }
  std::size_t at = reads_calls() ? find(reply, call_begin_, begin) : std::string::npos;
  if (at == std::string::npos) {
    if (reads_calls() && call_end_.id() && find(reply, call_end_, begin) != std::string::npos) {
      return fail(fmt::format("{} stands without {}.", call_end_.spelling(), call_begin_.spelling()), find(reply, call_end_, begin));
    }
    message.content = std::string(text.substr(begin));
    return one_message(std::move(message));
  }

  std::string_view content = text.substr(begin, at - begin);
  const bool only_thoughts = content.starts_with("<think>") && answer_after_think(content).empty();
  if (content.ends_with('\n') && !only_thoughts) content.remove_suffix(1);
  while (true) {
    const std::size_t inside = at + call_begin_.spelling().size();
    const std::size_t end = find(reply, call_end_, inside);
    if (end == std::string::npos) return fail(fmt::format("The end tag {} is missing.", call_end_.spelling()), at);
    const std::string_view body = trimmed(text.substr(inside, end - inside));
    auto calls = read_calls(body);
    if (auto* fault = std::get_if<CallFault>(&calls)) {
      const std::size_t body_at = body.empty() ? inside : static_cast<std::size_t>(body.data() - text.data());
      return fail(fault->reason, body_at + fault->offset);
    }
    for (ToolCall& call : std::get<std::vector<ToolCall>>(calls)) message.calls.push_back(std::move(call));
    const std::size_t after = end + call_end_.spelling().size();
    const std::size_t next = text.find_first_not_of(" \t\r\n", after);
    if (next == std::string_view::npos) break;
    if (find(reply, call_begin_, after) != next) return fail("Text follows the call.", next);
    at = next;
  }
  // An empty list says in so many words that no function is called.
  message.content = std::string(message.calls.empty() ? text.substr(begin) : content);
  if (!message.calls.empty() && message.ending == Ending::kTurn) message.ending = Ending::kMessage;
  std::optional<ReplyFault> fault = offered_.check(message.calls);
  return one_message(std::move(message), std::move(fault));
}

}  // namespace drover::chat
