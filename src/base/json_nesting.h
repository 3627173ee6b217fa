#pragma once

#include <string_view>

namespace drover::base {

/// How deep arrays and objects may nest in JSON files from outside; those of published models nest fewer than ten levels.
inline constexpr int kMaxJsonNesting = 100;

/// Throws UserError when `json` nests deeper than kMaxJsonNesting; `where` names the text. Copying or writing a parsed value takes one
/// call a level, so a file of brackets would end the program. Says nothing about whether the text is JSON; takes linear time.
void require_shallow_json(std::string_view json, std::string_view where);

}  // namespace drover::base
