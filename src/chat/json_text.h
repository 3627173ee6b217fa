#pragma once

#include <string>
#include <string_view>

#include "chat/dialog.h"

namespace drover::chat {

/// Writes JSON as Python's json.dumps(value, ensure_ascii=False, indent=indent) does, which is what the published chat templates print:
/// one line with ", " and ": " when `indent` is 0. Keys keep their order. Bytes that are no UTF-8 stay as they are.
std::string json_text(const Json& value, int indent = 0);

/// JSON that can stand between tags which are plain text: "</" inside its strings is written "<\/", which means the same.
std::string json_inside_tags(std::string json);

/// A JSON string with its quotes.
std::string json_quoted(std::string_view text);

/// A number as Python prints it: the shortest digits that read back equal, always with "." or an exponent.
std::string python_float(double value);

}  // namespace drover::chat
