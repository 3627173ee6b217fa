#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "verify/python_value.h"

namespace drover::verify {

/// Reads the calls that a reply consists of: a list `[a.b(x=1, y='z'), c()]` or one call, in Python's syntax; or, when `as_source`, in the
/// shape of Java's and JavaScript's answers, whose argument values stay source text (`x="new int[]{1}"` is read as that text without
/// quotes, anything else as it stands). Blank space and one code fence around are dropped; other text around is not. Names as values
/// (`x=fileName`) are texts; calls and operators as values stay source text. Returns why not when the reply is something else.
std::variant<std::vector<WrittenCall>, std::string> read_written_calls(std::string_view reply, bool as_source = false);

/// Reads calls written as JSON: `{"name": ..., "arguments": {...}}` (or "parameters"), or a list of them, blank space, one code fence and
/// <tool_call> tags around dropped.
std::variant<std::vector<WrittenCall>, std::string> read_json_calls(std::string_view reply);

}  // namespace drover::verify
