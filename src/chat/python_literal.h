#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "chat/dialog.h"

namespace drover::chat {

/// Why a text is not a list of Python calls.
struct PythonFault {
  std::string reason;
  std::size_t offset = 0;
  bool truncated = false;  ///< the text is a beginning that ends too early
};

/// Reads `[name(key=value, ...), ...]`: one list, not empty, of calls of plain names with keyword arguments only and literal values
/// (strings with escapes, numbers, True, False, None, lists, tuples, dicts with string keys). Tuples become arrays. Nothing is
/// evaluated. Each call comes back as a ToolCall of kind kFunction.
std::variant<std::vector<ToolCall>, PythonFault> parse_python_calls(std::string_view text);

/// A value as Python's repr() writes it. Bytes that are no printable ASCII stay as they are, but control characters are escaped.
std::string python_literal(const Json& value);

/// Whether Python can use it as a plain name (letters, digits, "_", not starting with a digit).
bool is_python_name(std::string_view name);

}  // namespace drover::chat
