#include "chat/share_gpt.h"

#include <fmt/format.h>

#include "base/nearest_name.h"
#include "base/shown_name.h"
#include "chat/checked_object.h"
#include "chat/dialog_json.h"
#include "chat/strict_json.h"

namespace drover::chat {
namespace {

constexpr std::string_view kSenders[] = {"human", "user",        "gpt",  "assistant",        "system",
                                         "tool",  "observation", "function_call", "function_response"};

ToolCall call_of(const Json& value, const std::string& where) {
  const CheckedObject object(value, where);
  object.refuse_unknown_keys({"name", "arguments"});
  ToolCall call;
  object.at("name");
  call.name = object.text("name");
  if (call.name.empty()) object.fail("the name is empty");
  if (const Json* arguments = object.find("arguments")) {
    if (!arguments->is_object()) fail_at(object.place("arguments"), fmt::format("expected an object, found {}", kind_of(*arguments)));
    call.arguments = *arguments;
  }
  return call;
}

std::vector<ToolCall> calls_of(const std::string& text, const std::string& where) {
  auto parsed = parse_strict_json(text);
  if (const auto* fault = std::get_if<JsonFault>(&parsed)) {
    fail_at(where, fmt::format("the text is not JSON at byte {}: {}", fault->offset, fault->reason));
  }
  const Json& value = std::get<Json>(parsed);
  if (!value.is_array()) return {call_of(value, where)};
  if (value.empty()) fail_at(where, "the list of calls is empty");
  std::vector<ToolCall> calls;
  for (std::size_t i = 0; i < value.size(); ++i) calls.push_back(call_of(value[i], fmt::format("{}[{}]", where, i)));
  return calls;
}

Message message_of(const Json& value, const std::string& where) {
  const CheckedObject object(value, where);
  object.refuse_unknown_keys({"from", "value"});
  object.at("from");
  object.at("value");
  const std::string from = object.text("from");
  Message message;
  message.content = object.text("value");
  if (from == "human" || from == "user") {
    message.sender = Sender::kUser;
  } else if (from == "gpt" || from == "assistant") {
    message.sender = Sender::kAssistant;
  } else if (from == "system") {
    message.sender = Sender::kSystem;
  } else if (from == "observation" || from == "tool" || from == "function_response") {
    message.sender = Sender::kTool;
  } else if (from == "function_call") {
    message.sender = Sender::kAssistant;
    message.calls = calls_of(message.content, object.place("value"));
    message.content.clear();
    message.ending = Ending::kMessage;
  } else {
    fail_at(object.place("from"), fmt::format("unknown sender \"{}\"{}", base::escaped_name(from), base::suggestion(from, kSenders)));
  }
  return message;
}

}  // namespace

Dialog dialog_from_share_gpt(const Json& row) {
  const CheckedObject object(row, "");
  object.refuse_unknown_keys({"conversations", "system", "tools", "core_tools", "today", "id"});
  const Json& list = object.at("conversations");
  if (!list.is_array()) fail_at("conversations", fmt::format("expected a list of messages, found {}", kind_of(list)));
  if (list.empty()) fail_at("conversations", "the list of messages is empty");
  Dialog dialog;
  if (std::string system = object.text("system"); !system.empty()) {
    dialog.messages.push_back({.sender = Sender::kSystem, .content = std::move(system)});
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    Message message = message_of(list[i], fmt::format("conversations[{}]", i));
    if (!dialog.messages.empty() && !message.calls.empty() && dialog.messages.back().sender == Sender::kAssistant) {
      dialog.messages.back().ending = Ending::kMessage;
    }
    dialog.messages.push_back(std::move(message));
  }
  read_dialog_extras(row, dialog);
  return dialog;
}

}  // namespace drover::chat
