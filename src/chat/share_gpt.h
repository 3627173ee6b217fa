#pragma once

#include "chat/dialog.h"

namespace drover::chat {

/// Reads a ShareGPT row: {"conversations": [{"from": ..., "value": ...}], "system": text, "tools": JSON text or list}.
/// "from" is human or user; gpt or assistant; system; function_call (the value is the JSON of one call or of a list of calls);
/// observation, tool or function_response (a tool's result). A gpt message that a function_call follows ends its message, not its
/// turn. drover's "core_tools" and "today" are understood too. Throws UserError with the place inside the row.
Dialog dialog_from_share_gpt(const Json& row);

}  // namespace drover::chat
