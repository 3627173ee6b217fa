#include "chat/llama_reply.h"

#include <fmt/format.h>

#include <variant>

#include "chat/call_json.h"
#include "chat/core_tools.h"
#include "chat/dialog_writer.h"
#include "chat/python_literal.h"
#include "chat/strict_json.h"

namespace drover::chat {
namespace {

constexpr std::string_view kFunctionTag = "<function=";
constexpr std::string_view kFunctionEnd = "</function>";

/// What the text of a message turned out to be.
struct Reading {
  std::string content{};
  std::vector<ToolCall> calls{};
  std::optional<CallFault> fault{};
};

std::string_view without_leading_blanks(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\n\r");
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

enum class Match { kNo, kMaybe, kYes };

/// Whether the text begins with `[name(`, as a list of Python calls does.
Match begins_call_list(std::string_view text) {
  if (!text.starts_with('[')) return Match::kNo;
  text = without_leading_blanks(text.substr(1));
  std::size_t length = 0;
  while (length < text.size() && (is_word(text[length]) || static_cast<unsigned char>(text[length]) >= 0x80)) ++length;
  if (length == 0) return text.empty() ? Match::kMaybe : Match::kNo;
  const std::string_view rest = without_leading_blanks(text.substr(length));
  if (rest.empty()) return Match::kMaybe;
  return rest.front() == '(' ? Match::kYes : Match::kNo;
}

/// Whether the text begins as the JSON of a call does: with one of a call's keys.
bool begins_call_object(std::string_view text) {
  if (!text.starts_with('{')) return false;
  text = without_leading_blanks(text.substr(1));
  for (const std::string_view key : {"\"name\"", "\"type\"", "\"parameters\"", "\"function\""}) {
    if (text.starts_with(key)) return true;
  }
  return false;
}

/// Whether the text begins with `core_tool.call(`.
Match begins_core_call(std::string_view text, const OfferedTools& offered) {
  const auto match = [&](std::string_view name) {
    const std::string opening = std::string(name) + ".call(";
    if (text.starts_with(opening)) return Match::kYes;
    return std::string_view(opening).starts_with(text) ? Match::kMaybe : Match::kNo;
  };
  Match best = Match::kNo;
  for (const std::string_view name : kQueryTools) best = std::max(best, match(name));
  for (const std::string& name : offered.core_tools) best = std::max(best, match(name));
  return best;
}

/// The JSON object between function tags. Models also write a Python dict there.
std::variant<Json, CallFault> function_tag_arguments(std::string_view text) {
  auto parsed = parse_strict_json(text);
  if (auto* value = std::get_if<Json>(&parsed)) {
    if (value->is_object()) return std::move(*value);
    return CallFault{"The arguments between the function tags must be a JSON object."};
  }
  auto python = parse_python_calls(fmt::format("[f(x={})]", text));
  if (const auto* calls = std::get_if<std::vector<ToolCall>>(&python)) {
    const Json& arguments = calls->front().arguments;
    if (calls->size() == 1 && arguments.size() == 1 && arguments.contains("x") && arguments["x"].is_object()) return arguments["x"];
  }
  const auto& fault = std::get<JsonFault>(parsed);
  return CallFault{fmt::format("The arguments between the function tags are not JSON: {}.", fault.reason), fault.offset};
}

Reading read_function_tag(std::string_view text, std::size_t tag) {
  Reading reading;
  const auto fail = [&](std::string reason, std::size_t offset) {
    reading.fault = CallFault{std::move(reason), offset};
    return reading;
  };
  const std::size_t name_begin = tag + kFunctionTag.size();
  const std::size_t name_end = text.find('>', name_begin);
  if (name_end == std::string_view::npos) return fail("The tag <function=...> is not closed.", tag);
  const std::size_t end = text.find(kFunctionEnd, name_end);
  if (end == std::string_view::npos) return fail("The end tag </function> is missing.", tag);
  ToolCall call;
  call.name = std::string(text.substr(name_begin, name_end - name_begin));
  if (call.name.empty()) return fail("The call does not name a function.", tag);
  auto arguments = function_tag_arguments(trimmed(text.substr(name_end + 1, end - name_end - 1)));
  if (auto* fault = std::get_if<CallFault>(&arguments)) return fail(fault->reason, name_end + 1 + fault->offset);
  call.arguments = std::get<Json>(std::move(arguments));

  const std::size_t after = end + kFunctionEnd.size();
  const std::string_view rest = trimmed(text.substr(after));
  if (rest.starts_with(kFunctionTag)) return fail("The message makes two calls where one is allowed.", after);
  if (!rest.empty()) return fail("Text follows the call.", after);
  reading.content = std::string(text.substr(0, tag));
  reading.calls.push_back(std::move(call));
  return reading;
}

/// `name.call(query="...")`: as published, the query has no quotes and no escapes.
std::optional<ToolCall> read_core_call(std::string_view text) {
  constexpr std::string_view kOpening = ".call(query=\"";
  constexpr std::string_view kClosing = "\")";
  const std::size_t opening = text.find(kOpening);
  if (opening == std::string_view::npos || !text.ends_with(kClosing)) return std::nullopt;
  const std::size_t begin = opening + kOpening.size();
  if (begin + kClosing.size() > text.size()) return std::nullopt;
  const std::string_view query = text.substr(begin, text.size() - kClosing.size() - begin);
  if (query.find('"') != std::string_view::npos) return std::nullopt;
  ToolCall call;
  call.kind = ToolCall::Kind::kBuiltin;
  call.name = std::string(text.substr(0, opening));
  call.arguments["query"] = query;
  return call;
}

class MessageReader {
 public:
  MessageReader(const OfferedTools& offered, bool many_calls) : offered_(offered), many_calls_(many_calls) {}

  /// Reads what follows the python tag (`has_tag`), or a whole message without one.
  Reading read(std::string_view text, bool has_tag) const {
    const std::string_view body = trimmed(text);
    const std::ptrdiff_t body_at = body.empty() ? 0 : body.data() - text.data();
    if (body.starts_with('{')) {
      if (auto reading = read_object(body)) return shifted(std::move(*reading), body_at);
    }
    if (begins_call_list(body) == Match::kYes) {
      if (auto reading = read_list(body, has_tag)) return shifted(std::move(*reading), body_at);
    }
    // Last of the forms with a syntax of their own: the others may hold "<function=" inside a text.
    if (has_tag && body.starts_with(kFunctionTag)) return shifted(read_function_tag(body, 0), body_at);
    if (const std::size_t tag = text.find(kFunctionTag); tag != std::string_view::npos && !has_tag) return read_function_tag(text, tag);
    if (begins_core_call(body, offered_) == Match::kYes) {
      if (auto call = read_core_call(body)) return {.calls = {std::move(*call)}};
      return {.fault = CallFault{"The call of a core tool is not of the form NAME.call(query=\"...\").", 0}};
    }
    if (has_tag) {
      ToolCall call;
      call.kind = ToolCall::Kind::kCode;
      call.name = kCodeInterpreter;
      call.code = std::string(text);
      return {.calls = {std::move(call)}};
    }
    return {.content = std::string(text)};
  }

 private:
  static Reading shifted(Reading reading, std::ptrdiff_t offset) {
    if (reading.fault) reading.fault->offset += static_cast<std::size_t>(offset);
    return reading;
  }

  std::optional<Reading> read_object(std::string_view body) const {
    const auto parsed = parse_strict_json(body);
    const auto* object = std::get_if<Json>(&parsed);
    // Valid JSON that names no function is an answer (or code), and so is what only begins with a brace.
    if (object != nullptr ? !object->contains("name") : !begins_call_object(body)) return std::nullopt;
    auto call = call_from_text(body, "parameters");
    Reading reading;
    if (auto* fault = std::get_if<CallFault>(&call)) {
      reading.fault = std::move(*fault);
    } else {
      reading.calls.push_back(std::get<ToolCall>(std::move(call)));
    }
    return reading;
  }

  std::optional<Reading> read_list(std::string_view body, bool has_tag) const {
    auto parsed = parse_python_calls(body);
    Reading reading;
    if (auto* fault = std::get_if<PythonFault>(&parsed)) {
      if (has_tag) return std::nullopt;  // code: [f(x) for x in y]
      reading.fault = CallFault{fmt::format("The list of calls cannot be read: {}.", fault->reason), fault->offset};
      return reading;
    }
    reading.calls = std::get<std::vector<ToolCall>>(std::move(parsed));
    if (reading.calls.size() > 1 && !many_calls_) {
      reading.calls.clear();
      reading.fault = CallFault{"The message makes two calls where one is allowed.", 0};
    }
    return reading;
  }

  const OfferedTools& offered_;
  bool many_calls_;
};

/// A function named like a core tool is that core tool.
void recognise_core_tools(std::vector<ToolCall>& calls, const OfferedTools& offered) {
  for (ToolCall& call : calls) {
    if (call.kind != ToolCall::Kind::kFunction || offered.functions.contains(call.name)) continue;
    const bool is_code = call.name == kCodeInterpreter;
    if (!is_code && !is_query_tool(call.name) && !offered.core_tools.contains(call.name)) continue;
    if (call.arguments.empty() || !call.arguments.front().is_string()) continue;
    const std::string first = call.arguments.front().get<std::string>();
    call.kind = is_code ? ToolCall::Kind::kCode : ToolCall::Kind::kBuiltin;
    call.arguments = Json::object();
    if (is_code) {
      call.code = first;
    } else {
      call.arguments["query"] = first;
    }
  }
}

}  // namespace

LlamaReplyGrammar::LlamaReplyGrammar(const LlamaTokens& tokens, Rules rules, OfferedTools offered)
    : tokens_(tokens), rules_(rules), offered_(std::move(offered)) {}

bool LlamaReplyGrammar::is_mark(text::TokenId id) const { return id == tokens_.python_tag; }

bool LlamaReplyGrammar::is_terminator(text::TokenId id) const {
  return id == tokens_.end_of_turn || id == tokens_.end_of_text || (rules_.reads_calls && id == tokens_.end_of_message);
}

CertainContent LlamaReplyGrammar::certain_content(const ReplyText& reply) {
  if (!reply.marks.empty() && reply.marks.front().offset == 0 && reply.marks.front().id == tokens_.start_header) return {};
  std::size_t end = reply.text.size();
  if (rules_.reads_calls && tokens_.python_tag) {
    if (const ControlMark* tag = reply.find(*tokens_.python_tag)) end = tag->offset;
  }
  if (!rules_.reads_calls || !offered_.any()) return {0, end};

  const std::string_view text = std::string_view(reply.text).substr(0, end);
  if (!is_plain_start_) {
    const std::string_view body = without_leading_blanks(text);
    const bool whole = end < reply.text.size();  // the python tag follows, so the text before it is content whatever it is
    const bool may_be_object = body.starts_with('{') && (body.size() == 1 || without_leading_blanks(body.substr(1)).empty() ||
                                                         without_leading_blanks(body.substr(1)).front() == '"');
    if (!whole && (body.empty() || may_be_object || begins_call_list(body) != Match::kNo ||
                   begins_core_call(body, offered_) != Match::kNo)) {
      return {};
    }
    is_plain_start_ = true;
  }
  if (const std::size_t tag = text.find(kFunctionTag, scanned_); tag != std::string_view::npos) {
    scanned_ = tag;
    return {0, tag};
  }
  end -= length_of_begun_marker(text, kFunctionTag);
  scanned_ = end;
  return {0, end};
}

ParsedReply LlamaReplyGrammar::parse(const ReplyText& reply) {
  Message message;
  message.sender = Sender::kAssistant;
  message.ending = !reply.terminator                              ? Ending::kCut
                   : reply.terminator == tokens_.end_of_message ? Ending::kMessage
                                                                  : Ending::kTurn;
  std::string_view text = reply.text;
  std::size_t first_mark = 0;
  // Some samplers hand the header over with the reply.
  const std::string header = reply.marks.empty() ? "" : fmt::format("{}assistant", text.substr(0, reply.marks.front().length));
  if (reply.marks.size() >= 2 && reply.marks[0].offset == 0 && reply.marks[0].id == tokens_.start_header &&
      reply.marks[1].id == tokens_.end_header && reply.marks[1].offset == header.size() && text.starts_with(header)) {
    text.remove_prefix(reply.marks[1].offset + reply.marks[1].length);
    if (text.starts_with("\n\n")) text.remove_prefix(2);
    first_mark = 2;
  }
  const auto position = [&](std::size_t offset) { return offset + (reply.text.size() - text.size()); };

  std::optional<ControlMark> tag;
  for (std::size_t i = first_mark; i < reply.marks.size(); ++i) {
    const ControlMark& mark = reply.marks[i];
    const std::string_view spelling = std::string_view(reply.text).substr(mark.offset, mark.length);
    if (!rules_.reads_calls || mark.id != tokens_.python_tag) {
      return malformed(std::string(text), message.ending, fmt::format("The control token {} stands inside the reply.", spelling), mark.offset);
    }
    if (tag) return malformed(std::string(text), message.ending, "The message makes two calls where one is allowed.", mark.offset);
    tag = mark;
  }
  if (!rules_.reads_calls || (!tag && !offered_.any())) {
    message.content = std::string(text);
    return one_message(std::move(message));
  }

  const std::size_t skipped = reply.text.size() - text.size();
  const std::size_t body_begin = tag ? tag->offset + tag->length - skipped : 0;
  Reading reading = MessageReader(offered_, rules_.many_calls).read(text.substr(body_begin), tag.has_value());
  if (reading.fault) {
    return malformed(std::string(text), message.ending, reading.fault->reason, position(body_begin + reading.fault->offset));
  }
  message.content = tag ? std::string(text.substr(0, tag->offset - skipped)) + reading.content : std::move(reading.content);
  message.calls = std::move(reading.calls);
  recognise_core_tools(message.calls, offered_);
  if (!message.calls.empty() && message.ending == Ending::kTurn) message.ending = Ending::kMessage;
  std::optional<ReplyFault> fault = offered_.check(message.calls);
  return one_message(std::move(message), std::move(fault));
}

}  // namespace drover::chat
