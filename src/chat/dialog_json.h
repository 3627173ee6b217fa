#pragma once

#include <string_view>

#include "chat/dialog.h"

namespace drover::chat {

/// Dialogs in JSON. The shape is OpenAI's chat completion:
///
///   {"messages": [{"role": "system" | "developer" | "user" | "assistant" | "tool",
///                  "content": text | null | [{"type": "text", "text": ...}, ...],
///                  "tool_calls": [{"id": ..., "type": "function", "function": {"name": ..., "arguments": JSON text or object}}],
///                  "tool_call_id": ..., "name": ...}],
///    "tools": [{"type": "function", "function": {"name": ..., "description": ..., "parameters": JSON schema}}]}
///
/// What it lacks has keys of drover's own: in a message "recipient" and "ending" ("turn", "message", "cut"); calls of "type"
/// "builtin" ({"type": "builtin", "name": "brave_search", "arguments": {"query": ...}}) and "code" ({"type": "code", "code": ...});
/// in a dialog "core_tools" and "today". A value of null means that the key is absent.
///
/// Everything here that reads throws UserError with the place inside the row ("messages[2].tool_calls[0]: ..."). Keys that are not
/// known are refused with the nearest known one. Keys that models never see and that say nothing when they are empty ("refusal",
/// "annotations", "audio", "function_call", a function's "strict", a row's "id") are let through.

/// Reads a whole row. The dialog may end with any message.
Dialog dialog_from_json(const Json& row);

/// Reads "messages" alone. `where` names the list in error messages.
std::vector<Message> messages_from_json(const Json& list, std::string_view where);

/// Reads "tools": a list of functions, with or without the OpenAI wrapper, or such a list as a JSON text.
std::vector<ToolDefinition> tools_from_json(const Json& list, std::string_view where);

/// Reads the dialog's keys beside its messages ("tools", "core_tools", "today") into `dialog`.
void read_dialog_extras(const Json& row, Dialog& dialog);

/// What `dialog_from_json` reads back as an equal dialog (when its messages with calls end as kMessage or kCut; text that is no UTF-8
/// is written with U+FFFD). Arguments are written as JSON text, the way OpenAI does.
Json dialog_to_json(const Dialog& dialog);
Json messages_to_json(const std::vector<Message>& messages);
Json tool_to_json(const ToolDefinition& tool);

/// "system", "user", "assistant", "tool".
std::string_view name_of(Sender sender);
/// "turn", "message", "cut".
std::string_view name_of(Ending ending);

}  // namespace drover::chat
