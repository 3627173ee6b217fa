#pragma once

#include <array>
#include <string_view>

namespace drover::chat {

/// The tools that Llama 3.1 knows by itself and that are called with a query.
inline constexpr std::array<std::string_view, 3> kQueryTools = {"brave_search", "wolfram_alpha", "photogen"};
inline constexpr std::string_view kCodeInterpreter = "code_interpreter";

constexpr bool is_query_tool(std::string_view name) {
  for (const std::string_view tool : kQueryTools) {
    if (tool == name) return true;
  }
  return false;
}

}  // namespace drover::chat
