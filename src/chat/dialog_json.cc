#include "chat/dialog_json.h"

#include <fmt/format.h>

#include <unordered_set>

#include "base/nearest_name.h"
#include "base/shown_name.h"
#include "chat/checked_object.h"
#include "chat/json_text.h"
#include "chat/strict_json.h"

namespace drover::chat {
namespace {

constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant", "tool", "ipython"};

Sender sender_of(std::string_view role, std::string_view where) {
  if (role == "system" || role == "developer") return Sender::kSystem;
  if (role == "user") return Sender::kUser;
  if (role == "assistant") return Sender::kAssistant;
  if (role == "tool" || role == "ipython") return Sender::kTool;
  fail_at(where, fmt::format("unknown role \"{}\"{}", base::escaped_name(role), base::suggestion(role, kRoles)));
}

std::string content_from_json(const Json& content, const std::string& where) {
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) fail_at(where, fmt::format("expected a text or a list of parts, found {}", kind_of(content)));
  std::string text;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const CheckedObject part(content[i], fmt::format("{}[{}]", where, i));
    if (const std::string type = part.text("type"); type != "text") {
      part.fail(fmt::format("only parts of type \"text\" are understood, not \"{}\"", base::escaped_name(type)));
    }
    part.refuse_unknown_keys({"type", "text"}, {"annotations"});
    part.at("text");
    text += part.text("text");
  }
  return text;
}

Json arguments_from_json(const Json* arguments, const std::string& where) {
  if (arguments == nullptr) return Json::object();
  if (arguments->is_object()) return *arguments;
  if (!arguments->is_string()) fail_at(where, fmt::format("expected an object or its JSON text, found {}", kind_of(*arguments)));
  const std::string& text = arguments->get_ref<const std::string&>();
  if (text.empty()) return Json::object();
  auto parsed = parse_strict_json(text);
  if (const auto* fault = std::get_if<JsonFault>(&parsed)) {
    fail_at(where, fmt::format("the text is not JSON at byte {}: {}", fault->offset, fault->reason));
  }
  Json value = std::get<Json>(std::move(parsed));
  if (!value.is_object()) fail_at(where, fmt::format("expected an object, found {}", kind_of(value)));
  return value;
}

std::string required_name(const CheckedObject& object) {
  object.at("name");
  std::string name = object.text("name");
  if (name.empty()) object.fail("the name is empty");
  return name;
}

ToolCall call_from_json(const Json& value, const std::string& where) {
  const CheckedObject object(value, where);
  ToolCall call;
  call.id = object.text("id");
  const std::string type = object.text("type");
  if (type == "code") {
    object.refuse_unknown_keys({"id", "type", "code"});
    object.at("code");
    call.kind = ToolCall::Kind::kCode;
    call.name = "code_interpreter";
    call.code = object.text("code");
    return call;
  }
  if (type != "" && type != "function" && type != "builtin") {
    object.fail(fmt::format("unknown type of call \"{}\" (known: function, builtin, code)", base::escaped_name(type)));
  }
  if (type == "builtin") call.kind = ToolCall::Kind::kBuiltin;
  const auto read_call = [&call](const CheckedObject& function) {
    call.name = required_name(function);
    call.arguments = arguments_from_json(function.find("arguments"), function.place("arguments"));
  };
  if (const Json* wrapped = object.find("function"); wrapped != nullptr && type != "builtin") {
    object.refuse_unknown_keys({"id", "type", "function", "index"});
    const CheckedObject function(*wrapped, object.place("function"));
    function.refuse_unknown_keys({"name", "arguments"});
    read_call(function);
  } else {
    object.refuse_unknown_keys({"id", "type", "name", "arguments", "function"});
    read_call(object);
  }
  const auto is_query = [&call] {
    return call.arguments.size() == 1 && call.arguments.contains("query") && call.arguments["query"].is_string();
  };
  if (call.kind == ToolCall::Kind::kBuiltin && !is_query()) object.fail("the arguments of a core tool are {\"query\": text}");
  return call;
}

Ending ending_from_json(const CheckedObject& object, const Message& message) {
  const Ending usual = message.calls.empty() ? Ending::kTurn : Ending::kMessage;
  const Json* value = object.find("ending");
  if (value == nullptr) return usual;
  const std::string text = object.text("ending");
  for (const Ending ending : {Ending::kTurn, Ending::kMessage, Ending::kCut}) {
    if (text != name_of(ending)) continue;
    if (ending != usual && message.sender != Sender::kAssistant) {
      fail_at(object.place("ending"), "only an assistant's message can end in another way than \"turn\"");
    }
    if (ending == Ending::kTurn && !message.calls.empty()) {
      fail_at(object.place("ending"), "a message with tool calls ends with \"message\" or \"cut\", because a result must follow");
    }
    return ending;
  }
  fail_at(object.place("ending"), fmt::format("\"{}\" is unknown (known: turn, message, cut)", base::escaped_name(text)));
}

Message message_from_json(const Json& value, const std::string& where) {
  const CheckedObject object(value, where);
  object.refuse_unknown_keys({"role", "content", "tool_calls", "tool_call_id", "name", "recipient", "ending"},
                             {"refusal", "annotations", "audio", "function_call"});
  object.at("role");
  Message message;
  message.sender = sender_of(object.text("role"), object.place("role"));
  const bool is_assistant = message.sender == Sender::kAssistant;
  const bool is_tool = message.sender == Sender::kTool;

  const Json* calls = object.find("tool_calls");
  if (calls != nullptr && !calls->is_array()) fail_at(object.place("tool_calls"), fmt::format("expected a list, found {}", kind_of(*calls)));
  const std::size_t num_calls = calls == nullptr ? 0 : calls->size();
  if (num_calls > 0 && !is_assistant) object.fail("only an assistant can call tools");
  for (std::size_t i = 0; i < num_calls; ++i) {
    message.calls.push_back(call_from_json((*calls)[i], fmt::format("{}[{}]", object.place("tool_calls"), i)));
  }

  if (const Json* content = object.find("content")) {
    message.content = content_from_json(*content, object.place("content"));
  } else if (num_calls == 0) {
    object.fail("the content is missing");
  }
  message.call_id = object.text("tool_call_id");
  message.tool_name = object.text("name");
  if (!is_tool && !message.call_id.empty()) fail_at(object.place("tool_call_id"), "only a tool's message answers a call");
  if (!is_tool && !message.tool_name.empty()) fail_at(object.place("name"), "only a tool's message has a name here; models do not see it");
  message.recipient = object.text("recipient");
  message.ending = ending_from_json(object, message);
  return message;
}

ToolDefinition tool_from_json(const Json& value, const std::string& where) {
  const auto read = [](const CheckedObject& function) {
    ToolDefinition tool;
    tool.name = required_name(function);
    tool.description = function.text("description");
    if (const Json* parameters = function.find("parameters")) {
      if (!parameters->is_object()) {
        fail_at(function.place("parameters"), fmt::format("expected a JSON schema, found {}", kind_of(*parameters)));
      }
      tool.parameters = *parameters;
    }
    return tool;
  };
  const CheckedObject object(value, where);
  if (const Json* wrapped = object.find("function")) {
    object.refuse_unknown_keys({"type", "function"});
    if (const std::string type = object.text("type"); type != "function" && !type.empty()) {
      object.fail(fmt::format("unknown type of tool \"{}\" (known: function)", base::escaped_name(type)));
    }
    const CheckedObject function(*wrapped, object.place("function"));
    function.refuse_unknown_keys({"name", "description", "parameters", "strict"});
    return read(function);
  }
  object.refuse_unknown_keys({"type", "name", "description", "parameters", "strict"});
  return read(object);
}

/// JSON texts must be UTF-8; a model's reply need not be.
std::string valid_utf8(const std::string& text) {
  const std::string quoted = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  return Json::parse(quoted).get<std::string>();
}

Json call_to_json(const ToolCall& call) {
  Json value = Json::object();
  if (!call.id.empty()) value["id"] = valid_utf8(call.id);
  switch (call.kind) {
    case ToolCall::Kind::kCode:
      value["type"] = "code";
      value["code"] = valid_utf8(call.code);
      break;
    case ToolCall::Kind::kBuiltin:
      value["type"] = "builtin";
      value["name"] = valid_utf8(call.name);
      value["arguments"] = call.arguments;
      break;
    case ToolCall::Kind::kFunction:
      value["type"] = "function";
      value["function"] = Json::object();
      value["function"]["name"] = valid_utf8(call.name);
      value["function"]["arguments"] = valid_utf8(json_text(call.arguments));
      break;
  }
  return value;
}

Json message_to_json(const Message& message) {
  Json value = Json::object();
  value["role"] = name_of(message.sender);
  value["content"] = valid_utf8(message.content);
  if (!message.calls.empty()) {
    value["tool_calls"] = Json::array();
    for (const ToolCall& call : message.calls) value["tool_calls"].push_back(call_to_json(call));
  }
  if (!message.call_id.empty()) value["tool_call_id"] = valid_utf8(message.call_id);
  if (!message.tool_name.empty()) value["name"] = valid_utf8(message.tool_name);
  if (!message.recipient.empty()) value["recipient"] = valid_utf8(message.recipient);
  const bool usual = message.calls.empty() ? message.ending == Ending::kTurn : message.ending != Ending::kCut;
  if (!usual) value["ending"] = name_of(message.ending);
  return value;
}

}  // namespace

std::string_view name_of(Sender sender) {
  switch (sender) {
    case Sender::kSystem: return "system";
    case Sender::kUser: return "user";
    case Sender::kAssistant: return "assistant";
    case Sender::kTool: return "tool";
  }
  return "";
}

std::string_view name_of(Ending ending) {
  switch (ending) {
    case Ending::kTurn: return "turn";
    case Ending::kMessage: return "message";
    case Ending::kCut: return "cut";
  }
  return "";
}

std::vector<Message> messages_from_json(const Json& list, std::string_view where) {
  if (!list.is_array()) fail_at(where, fmt::format("expected a list of messages, found {}", kind_of(list)));
  if (list.empty()) fail_at(where, "the list of messages is empty");
  std::vector<Message> messages;
  messages.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) messages.push_back(message_from_json(list[i], fmt::format("{}[{}]", where, i)));
  return messages;
}

std::vector<ToolDefinition> tools_from_json(const Json& list, std::string_view where) {
  if (list.is_string()) {
    const std::string& text = list.get_ref<const std::string&>();
    if (text.empty()) return {};
    // Tools are written as JSON inside the row, a few levels down, and must still be readable there.
    auto parsed = parse_strict_json(text, kMaxJsonDepth - 10);
    if (const auto* fault = std::get_if<JsonFault>(&parsed)) {
      fail_at(where, fmt::format("the text is not JSON at byte {}: {}", fault->offset, fault->reason));
    }
    const Json& value = std::get<Json>(parsed);
    if (value.is_string()) fail_at(where, "expected a list of tools, found a text");
    return tools_from_json(value, where);
  }
  if (!list.is_array()) fail_at(where, fmt::format("expected a list of tools, found {}", kind_of(list)));
  std::vector<ToolDefinition> tools;
  std::unordered_set<std::string> names;
  for (std::size_t i = 0; i < list.size(); ++i) {
    tools.push_back(tool_from_json(list[i], fmt::format("{}[{}]", where, i)));
    if (!names.insert(tools.back().name).second) fail_at(where, fmt::format("the tool \"{}\" appears twice", base::escaped_name(tools.back().name)));
  }
  return tools;
}

void read_dialog_extras(const Json& row, Dialog& dialog) {
  const CheckedObject object(row, "");
  if (const Json* tools = object.find("tools")) dialog.tools = tools_from_json(*tools, "tools");
  if (const Json* names = object.find("core_tools")) {
    if (!names->is_array()) fail_at("core_tools", fmt::format("expected a list of names, found {}", kind_of(*names)));
    for (const Json& name : *names) {
      if (!name.is_string() || name.get_ref<const std::string&>().empty()) fail_at("core_tools", "expected a list of names");
      dialog.core_tools.push_back(name.get<std::string>());
    }
  }
  dialog.today = object.text("today");
}

Dialog dialog_from_json(const Json& row) {
  const CheckedObject object(row, "");
  object.refuse_unknown_keys({"messages", "tools", "core_tools", "today", "id"});
  Dialog dialog;
  dialog.messages = messages_from_json(object.at("messages"), "messages");
  read_dialog_extras(row, dialog);
  return dialog;
}

Json messages_to_json(const std::vector<Message>& messages) {
  Json list = Json::array();
  for (const Message& message : messages) list.push_back(message_to_json(message));
  return list;
}

Json tool_to_json(const ToolDefinition& tool) {
  Json function = Json::object();
  function["name"] = valid_utf8(tool.name);
  if (!tool.description.empty()) function["description"] = valid_utf8(tool.description);
  if (!tool.parameters.empty()) function["parameters"] = tool.parameters;
  Json value = Json::object();
  value["type"] = "function";
  value["function"] = std::move(function);
  return value;
}

Json dialog_to_json(const Dialog& dialog) {
  Json row = Json::object();
  row["messages"] = messages_to_json(dialog.messages);
  if (!dialog.tools.empty()) {
    row["tools"] = Json::array();
    for (const ToolDefinition& tool : dialog.tools) row["tools"].push_back(tool_to_json(tool));
  }
  if (!dialog.core_tools.empty()) row["core_tools"] = dialog.core_tools;
  if (!dialog.today.empty()) row["today"] = dialog.today;
  return row;
}

}  // namespace drover::chat
