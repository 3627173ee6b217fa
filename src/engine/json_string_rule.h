#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/nfa.h"
#include "engine/rule.h"

namespace drover::engine {

/// Unicode characters as sorted, disjoint ranges; never surrogates.
using CodePoints = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
inline constexpr std::uint32_t kLastCodePoint = 0x10FFFF;

/// Sorts and joins ranges, and takes the surrogates out.
CodePoints normalised(CodePoints ranges);
/// All characters but these.
CodePoints all_but(const CodePoints& ranges);

/// How characters are written inside a JSON string.
struct StringSpelling {
  /// "<" is written as an escape only, so that no tag of text can stand inside.
  bool escapes_less_than = false;
};

/// One of the characters in its one canonical spelling: plain UTF-8 where JSON allows that, else the short escape, else \u00XX.
Nfa::Part canonical_character(Nfa& nfa, const CodePoints& characters, const StringSpelling& spelling);
/// One character in any spelling that JSON has, surrogate pairs included, lone surrogates not.
Nfa::Part any_character(Nfa& nfa, const StringSpelling& spelling);
/// A text with its quotes in the canonical spelling.
std::string canonical_string(std::string_view text, const StringSpelling& spelling);

/// One character that is not plain ASCII: what string_rule() calls for the rest.
Rule wide_character_rule(const StringSpelling& spelling);

/// JSON strings of `least` to `most` characters (negative: no limit) with their quotes. States so far from the limits that no token of
/// `longest_token` bytes reaches one are twins.
Rule string_rule(std::int64_t least, std::int64_t most, RuleId wide_character, std::int32_t longest_token, const StringSpelling& spelling,
                 std::string_view place);

/// The inverse of a set of names, as keys: canonical strings other than these (given with quotes, as canonical_string() writes them).
Rule other_keys_rule(const std::vector<std::string>& names, const StringSpelling& spelling, std::string_view place);

}  // namespace drover::engine
