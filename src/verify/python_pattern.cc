#include "verify/python_pattern.h"

#include "base/error.h"
#include "text/onig_pattern.h"
#include "text/unicode.h"

namespace drover::verify {
namespace {

constexpr std::size_t kLongestPattern = 4096;

// Outside of a character class only; inside one, Oniguruma's own \w stays.
std::string rewritten(std::string_view pattern) {
  constexpr std::string_view kWord = "[\\p{L}\\p{N}_]";
  constexpr std::string_view kEdge = "(?:(?<=[\\p{L}\\p{N}_])(?![\\p{L}\\p{N}_])|(?<![\\p{L}\\p{N}_])(?=[\\p{L}\\p{N}_]))";
  std::string out;
  bool in_class = false;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) {
      const char next = pattern[++at];
      if (next == 'w' && !in_class)
        out += kWord;
      else if (next == 'b' && !in_class)
        out += kEdge;
      else
        out.append({'\\', next});
      continue;
    }
    if (pattern[at] == '[') in_class = true;
    if (pattern[at] == ']') in_class = false;
    out.push_back(pattern[at]);
  }
  return out;
}

}  // namespace

PythonPattern::PythonPattern(std::string_view pattern, bool ignore_case) {
  if (pattern.size() > kLongestPattern) throw base::UserError("A pattern of {} bytes is too long.", pattern.size());
  if (!text::is_valid_utf8(pattern)) throw base::UserError("A pattern is not UTF-8.");
  const auto inner = rewritten(pattern);
  matcher_ = text::compile_onig_pattern(ignore_case ? "(?i:" + inner + ")" : inner);
}

std::size_t PythonPattern::count(std::string_view text, std::size_t limit) const {
  const auto valid = text::replace_invalid_utf8(text);
  std::size_t found = 0;
  try {
    for (std::size_t from = 0; found < limit && from <= valid.size();) {
      const auto match = matcher_->find(valid, from);
      if (!match) break;
      ++found;
      from = match->end;
      if (match->end == match->begin) {  // an empty match: go on behind the next character
        if (from >= valid.size()) break;
        from += text::decode_character(valid.data() + from, valid.data() + valid.size()).length;
      }
    }
  } catch (const base::UserError&) {
    // Too many steps: what was found until here counts.
  }
  return found;
}

}  // namespace drover::verify
