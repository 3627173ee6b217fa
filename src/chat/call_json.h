#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "chat/dialog.h"

namespace drover::chat {

/// Why a text is not the JSON of a call.
struct CallFault {
  std::string reason;      ///< one sentence
  std::size_t offset = 0;  ///< in the text that was read
};

/// Reads a call from its JSON object: "name", and the arguments under `arguments_key` ("parameters" for Llama, "arguments" for Qwen).
/// "type" may say "function", "id" may be there when `with_id`; any other key is a fault.
std::variant<ToolCall, CallFault> call_from_object(const Json& object, std::string_view arguments_key, bool with_id = false);

/// Reads a text that is one such object.
std::variant<ToolCall, CallFault> call_from_text(std::string_view text, std::string_view arguments_key);

/// {"name": ..., "ARGUMENTS_KEY": {...}} on one line.
std::string call_text(const ToolCall& call, std::string_view arguments_key);

/// {"type": "function", "function": {...}}: a tool as the templates get it from OpenAI-style requests.
Json tool_json(const ToolDefinition& tool);

/// Whether a second JSON object follows a first one (after blanks, ";" or ","), for the reason "two calls".
bool holds_two_objects(std::string_view text);

}  // namespace drover::chat
