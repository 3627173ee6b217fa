#include "chat/call_json.h"

#include <fmt/format.h>

#include "base/shown_name.h"
#include "chat/checked_object.h"
#include "chat/dialog_json.h"
#include "chat/dialog_writer.h"
#include "chat/json_text.h"
#include "chat/strict_json.h"

namespace drover::chat {

std::variant<ToolCall, CallFault> call_from_object(const Json& object, std::string_view arguments_key, bool with_id) {
  if (!object.is_object()) return CallFault{fmt::format("A call must be a JSON object, found {}.", kind_of(object))};
  ToolCall call;
  bool has_arguments = false;
  for (const auto& [key, value] : object.items()) {
    if (key == "name" && value.is_string()) {
      call.name = value.get<std::string>();
    } else if (key == "name") {
      return CallFault{"The name of the function must be a text."};
    } else if (key == arguments_key) {
      if (!value.is_object()) return CallFault{fmt::format("\"{}\" must be an object, found {}.", arguments_key, kind_of(value))};
      call.arguments = value;
      has_arguments = true;
    } else if (key == "id" && with_id && value.is_string()) {
      call.id = value.get<std::string>();
    } else if (key != "type" || value != "function") {
      return CallFault{fmt::format("The call has the unexpected key \"{}\" (expected \"name\" and \"{}\").", base::escaped_name(key), arguments_key)};
    }
  }
  if (call.name.empty()) return CallFault{"The call does not name a function."};
  if (!has_arguments) return CallFault{fmt::format("The call lacks \"{}\".", arguments_key)};
  return call;
}

std::variant<ToolCall, CallFault> call_from_text(std::string_view text, std::string_view arguments_key) {
  const auto parsed = parse_strict_json(text);
  if (const auto* fault = std::get_if<JsonFault>(&parsed)) {
    if (fault->truncated) return CallFault{"The JSON of the call ends too early.", fault->offset};
    if (holds_two_objects(text)) return CallFault{"The message makes two calls where one is allowed.", fault->offset};
    return CallFault{fmt::format("The call is not JSON: {}.", fault->reason), fault->offset};
  }
  return call_from_object(std::get<Json>(parsed), arguments_key);
}

std::string call_text(const ToolCall& call, std::string_view arguments_key) {
  return fmt::format("{{\"name\": {}, \"{}\": {}}}", json_quoted(call.name), arguments_key, json_text(call.arguments));
}

Json tool_json(const ToolDefinition& tool) { return tool_to_json(tool); }

bool holds_two_objects(std::string_view text) {
  // Walks over the first object by its braces, minding strings.
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && --depth == 0) {
      std::string_view rest = trimmed(text.substr(i + 1));
      if (!rest.empty() && (rest.front() == ';' || rest.front() == ',')) rest = trimmed(rest.substr(1));
      return rest.starts_with('{');
    }
  }
  return false;
}

}  // namespace drover::chat
