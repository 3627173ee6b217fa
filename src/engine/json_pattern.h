#pragma once

#include <string>
#include <string_view>

#include "engine/json_string_rule.h"
#include "engine/nfa.h"

namespace drover::engine {

/// Reads a schema's regular expression (ECMA 262) and adds the JSON strings, quotes included, whose text it matches somewhere, or as a
/// whole where it has ^ and $. Understood: characters and escapes, ".", classes, \d \w \s and their opposites, groups, "|", and all
/// repeats. Refused with a UserError that names `place` and the offset: look-around, back references, \b, \p, and ^ or $ inside.
Nfa::Part pattern_string(Nfa& nfa, std::string_view pattern, const StringSpelling& spelling, const std::string& place);

}  // namespace drover::engine
