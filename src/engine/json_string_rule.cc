#include "engine/json_string_rule.h"

#include <fmt/format.h>

#include <algorithm>

namespace drover::engine {
namespace {

std::string utf8(std::uint32_t c) {
  std::string out;
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
  return out;
}

bool must_escape(std::uint32_t c, const StringSpelling& spelling) {
  return c < 0x20 || c == '"' || c == '\\' || (c == '<' && spelling.escapes_less_than);
}

std::string canonical_escape(std::uint32_t c) {
  switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\b': return "\\b";
    case '\f': return "\\f";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: return fmt::format("\\u{:04x}", c);
  }
}

/// Adds paths from `from` to `to` for the UTF-8 of low..high, which have equally many bytes: splits until each byte of a path has a
/// range of its own.
void add_utf8_range(Nfa& nfa, std::int32_t from, std::int32_t to, std::uint32_t low, std::uint32_t high) {
  const std::string first = utf8(low);
  const std::string last = utf8(high);
  for (std::size_t tail = first.size() - 1; tail > 0; --tail) {
    const std::uint32_t mask = (1U << 6 * tail) - 1;
    if ((low & ~mask) == (high & ~mask)) continue;
    if ((low & mask) != 0) {
      add_utf8_range(nfa, from, to, low, low | mask);
      return add_utf8_range(nfa, from, to, (low | mask) + 1, high);
    }
    if ((high & mask) != mask) {
      add_utf8_range(nfa, from, to, low, (high & ~mask) - 1);
      return add_utf8_range(nfa, from, to, high & ~mask, high);
    }
  }
  for (std::size_t i = 0; i < first.size(); ++i) {
    const std::int32_t next = i + 1 == first.size() ? to : nfa.add_state();
    nfa.add_edge(from, static_cast<unsigned char>(first[i]), static_cast<unsigned char>(last[i]), next);
    from = next;
  }
}

void add_plain_characters(Nfa& nfa, std::int32_t from, std::int32_t to, std::uint32_t low, std::uint32_t high) {
  constexpr std::uint32_t kLasts[] = {0x7F, 0x7FF, 0xFFFF, kLastCodePoint};
  for (const std::uint32_t last : kLasts) {
    if (low > high) return;
    if (low > last) continue;
    add_utf8_range(nfa, from, to, low, std::min(high, last));
    low = last + 1;
  }
}

Nfa::Part hex_digit(Nfa& nfa) { return nfa.any_of({nfa.range('0', '9'), nfa.range('a', 'f'), nfa.range('A', 'F')}); }

/// \uXXXX of a character, or of a pair of surrogates.
Nfa::Part unicode_escape(Nfa& nfa) {
  const auto d = [&] { return nfa.any_of({nfa.bytes("d"), nfa.bytes("D")}); };
  const auto not_d = [&] {
    return nfa.any_of({nfa.range('0', '9'), nfa.range('a', 'c'), nfa.range('A', 'C'), nfa.range('e', 'f'), nfa.range('E', 'F')});
  };
  const auto high_half = [&] { return nfa.any_of({nfa.range('8', '9'), nfa.range('a', 'b'), nfa.range('A', 'B')}); };
  const auto low_half = [&] { return nfa.any_of({nfa.range('c', 'f'), nfa.range('C', 'F')}); };
  return nfa.any_of({nfa.sequence({nfa.bytes("\\u"), not_d(), hex_digit(nfa), hex_digit(nfa), hex_digit(nfa)}),
                     nfa.sequence({nfa.bytes("\\u"), d(), nfa.range('0', '7'), hex_digit(nfa), hex_digit(nfa)}),
                     nfa.sequence({nfa.bytes("\\u"), d(), high_half(), hex_digit(nfa), hex_digit(nfa), nfa.bytes("\\u"), d(), low_half(),
                                   hex_digit(nfa), hex_digit(nfa)})});
}

Nfa::Part short_escape(Nfa& nfa) {
  std::vector<Nfa::Part> letters;
  for (const char c : std::string_view("\"\\/bfnrt")) letters.push_back(nfa.range(c, c));
  return nfa.sequence({nfa.bytes("\\"), nfa.any_of(letters)});
}

/// The plain characters from `low` up.
Nfa::Part plain_characters(Nfa& nfa, std::uint32_t low, const StringSpelling& spelling) {
  const Nfa::Part part = nfa.never();
  CodePoints escaped = {{0, 0x1F}, {'"', '"'}, {'\\', '\\'}};
  if (spelling.escapes_less_than) escaped.emplace_back('<', '<');
  for (const auto& [first, last] : all_but(normalised(escaped))) add_plain_characters(nfa, part.begin, part.end, std::max(first, low), last);
  return part;
}

}  // namespace

CodePoints normalised(CodePoints ranges) {
  std::sort(ranges.begin(), ranges.end());
  CodePoints joined;
  for (const auto& [low, high] : ranges) {
    if (low > high) continue;
    if (!joined.empty() && low <= joined.back().second + 1) {
      joined.back().second = std::max(joined.back().second, high);
    } else {
      joined.emplace_back(low, high);
    }
  }
  CodePoints kept;
  for (const auto& [low, high] : joined) {
    if (low < 0xD800) kept.emplace_back(low, std::min(high, 0xD7FFU));
    if (high > 0xDFFF) kept.emplace_back(std::max(low, 0xE000U), std::min(high, kLastCodePoint));
  }
  return kept;
}

CodePoints all_but(const CodePoints& ranges) {
  CodePoints rest;
  std::uint32_t next = 0;
  for (const auto& [low, high] : ranges) {
    if (low > next) rest.emplace_back(next, low - 1);
    next = high + 1;
  }
  if (next <= kLastCodePoint) rest.emplace_back(next, kLastCodePoint);
  return normalised(std::move(rest));
}

Nfa::Part canonical_character(Nfa& nfa, const CodePoints& characters, const StringSpelling& spelling) {
  const Nfa::Part part = nfa.never();
  constexpr std::uint32_t kLastEscaped = '\\';
  for (const auto& [low, high] : characters) {
    std::uint32_t plain = low;  // where the plain characters begin that are not yet added
    for (std::uint32_t c = low; c <= std::min(high, kLastEscaped); ++c) {
      if (!must_escape(c, spelling)) continue;
      if (c > plain) add_plain_characters(nfa, part.begin, part.end, plain, c - 1);
      plain = c + 1;
      const Nfa::Part escape = nfa.bytes(canonical_escape(c));
      nfa.add_empty(part.begin, escape.begin);
      nfa.add_empty(escape.end, part.end);
    }
    add_plain_characters(nfa, part.begin, part.end, plain, high);
  }
  return part;
}

Nfa::Part any_character(Nfa& nfa, const StringSpelling& spelling) {
  return nfa.any_of({plain_characters(nfa, 0, spelling), short_escape(nfa), unicode_escape(nfa)});
}

std::string canonical_string(std::string_view text, const StringSpelling& spelling) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += must_escape(byte, spelling) ? canonical_escape(byte) : std::string(1, c);
  }
  return out + '"';
}

Rule wide_character_rule(const StringSpelling& spelling) {
  Nfa nfa("a string");
  return nfa.determinised(nfa.any_of({plain_characters(nfa, 0x80, spelling), short_escape(nfa), unicode_escape(nfa)}));
}

Rule string_rule(std::int64_t least, std::int64_t most, RuleId wide_character, std::int32_t longest_token, const StringSpelling& spelling,
                 std::string_view place) {
  const bool is_bounded = most >= 0;
  const std::int64_t last = is_bounded ? most : least;  // characters that the states count
  if (last >= static_cast<std::int64_t>(kMaxRuleStates) - 3) throw_too_large(place);
  Rule rule;
  if (is_bounded && most < least) return rule;
  rule.states.resize(static_cast<std::size_t>(last) + 3);
  const auto after = [](std::int64_t characters) { return static_cast<std::int32_t>(characters) + 1; };
  const std::int32_t end = after(last) + 1;
  rule.states[0].edges.push_back({'"', '"', after(0)});
  rule.states.back().is_final = true;
  for (std::int64_t k = 0; k <= last; ++k) {
    RuleState& state = rule.states[static_cast<std::size_t>(after(k))];
    const bool may_go_on = !is_bounded || k < most;
    const std::int32_t next = after(std::min(k + 1, last));
    if (may_go_on) state.edges.push_back({0x20, 0x21, next});
    if (k >= least) state.edges.push_back({'"', '"', end});
    if (may_go_on) {
      if (spelling.escapes_less_than) state.edges.push_back({0x23, '<' - 1, next});
      state.edges.push_back({spelling.escapes_less_than ? '<' + 1 : 0x23, 0x5B, next});
      state.edges.push_back({0x5D, 0x7F, next});
      state.calls.push_back({wide_character, next});
    }
    if (k + longest_token < least) {
      state.twin = after(0);
    } else if (k >= least && (!is_bounded || k + longest_token <= most)) {
      state.twin = after(least);
    }
  }
  return rule;
}

Rule other_keys_rule(const std::vector<std::string>& names, const StringSpelling& spelling, std::string_view place) {
  Nfa keys{std::string(place)};
  const auto character = canonical_character(keys, all_but({}), spelling);
  const Rule all = keys.determinised(keys.sequence({keys.bytes("\""), keys.repeated(character), keys.bytes("\"")}));
  if (names.empty()) return all;
  Nfa taken{std::string(place)};
  std::vector<Nfa::Part> parts;
  for (const std::string& name : names) parts.push_back(taken.bytes(name));
  return difference(all, taken.determinised(taken.any_of(parts)), place);
}

}  // namespace drover::engine
