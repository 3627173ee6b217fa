#include "engine/json_pattern.h"

#include <algorithm>
#include <optional>

#include "base/error.h"

namespace drover::engine {
namespace {

constexpr std::int64_t kMostRepeats = 1000;
constexpr int kMostGroups = 50;  // inside each other

const CodePoints kDigits = {{'0', '9'}};
const CodePoints kWord = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const CodePoints kBlanks = {{9, 13},         {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
                            {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const CodePoints kLineEnds = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

class PatternReader {
 public:
  PatternReader(Nfa& nfa, std::string_view pattern, const StringSpelling& spelling, const std::string& place)
      : nfa_(nfa), pattern_(pattern), spelling_(spelling), place_(place) {}

  Nfa::Part read() {
    // What branches have in front and behind is shared, so that few states tell them apart.
    const Nfa::Part inside = nfa_.never();
    const Nfa::Part before = anything();
    const Nfa::Part behind = anything();
    nfa_.add_empty(inside.begin, before.begin);
    nfa_.add_empty(behind.end, inside.end);
    do {
      const bool from_start = take('^');
      const Nfa::Part branch = read_sequence();
      const bool to_end = take('$');
      if (!at_end() && peek() != '|') fail(peek() == ')' ? "a parenthesis closes nothing" : "$ may only stand at the end");
      nfa_.add_empty(from_start ? inside.begin : before.end, branch.begin);
      nfa_.add_empty(branch.end, to_end ? inside.end : behind.begin);
    } while (take('|'));
    return nfa_.sequence({nfa_.bytes("\""), inside, nfa_.bytes("\"")});
  }

 private:
  [[noreturn]] void fail(std::string_view reason) const {
    throw base::UserError("The pattern at {} cannot be honoured: {} (offset {}); use a simpler pattern or leave it out", place_, reason, at_);
  }

  bool at_end() const { return at_ == pattern_.size(); }
  char peek() const { return pattern_[at_]; }
  bool take(char c) {
    if (at_end() || peek() != c) return false;
    ++at_;
    return true;
  }

  Nfa::Part anything() { return nfa_.repeated(canonical_character(nfa_, all_but({}), spelling_)); }

  Nfa::Part read_sequence() {
    Nfa::Part whole = nfa_.nothing();
    while (!at_end() && peek() != '|' && peek() != ')' && peek() != '$') whole = nfa_.sequence({whole, read_repeated()});
    return whole;
  }

  Nfa::Part read_alternatives() {
    std::vector<Nfa::Part> branches;
    do {
      branches.push_back(read_sequence());
      if (!at_end() && peek() == '$') fail("$ may only stand at the end");
    } while (take('|'));
    return nfa_.any_of(branches);
  }

  /// An atom and how often it stands. The atom is read again for each repeat, so that it gets states of its own.
  Nfa::Part read_repeated() {
    const std::size_t begin = at_;
    skip_atom();
    const auto [least, most] = read_quantifier();
    const std::size_t end = at_;
    const Nfa::Part part = nfa_.repeated(least, most, [&] {
      at_ = begin;
      return read_atom();
    });
    at_ = end;
    return part;
  }

  /// Passes over an atom by its brackets; faults in it are found when it is read.
  void skip_atom() {
    int groups = 0;
    do {
      if (at_end()) fail("a group is not closed");
      const char c = peek();
      if (c == '[') {
        read_class();
      } else if (c == '\\') {
        read_escape(false);
      } else {
        groups += c == '(' ? 1 : c == ')' ? -1 : 0;
        read_character();
      }
    } while (groups > 0);
  }

  std::pair<std::int64_t, std::int64_t> read_quantifier() {
    std::pair<std::int64_t, std::int64_t> range = {1, 1};
    if (take('*')) {
      range = {0, -1};
    } else if (take('+')) {
      range = {1, -1};
    } else if (take('?')) {
      range = {0, 1};
    } else if (!at_end() && peek() == '{') {
      ++at_;
      const auto least = read_number();
      if (!least) fail("a number must follow {");
      range = {*least, *least};
      if (take(',')) range.second = read_number().value_or(-1);
      if (!take('}')) fail("a repeat count must close with }");
      if (range.second >= 0 && range.second < range.first) fail("the repeat counts are in the wrong order");
    } else {
      return range;
    }
    take('?');  // lazy or greedy: the texts are the same
    if (!at_end() && (peek() == '*' || peek() == '+' || peek() == '{')) fail("a repeat follows a repeat");
    return range;
  }

  std::optional<std::int64_t> read_number() {
    std::optional<std::int64_t> number;
    while (!at_end() && peek() >= '0' && peek() <= '9') {
      number = number.value_or(0) * 10 + (pattern_[at_++] - '0');
      if (*number > kMostRepeats) fail("an atom may be repeated 1000 times at most");
    }
    return number;
  }

  Nfa::Part read_atom() {
    const char c = peek();
    if (c == '(') return read_group();
    if (c == '[') return canonical_character(nfa_, read_class(), spelling_);
    if (c == '^') fail("^ may only stand at the start");
    if (c == '*' || c == '+' || c == '?' || c == '{') fail("a repeat has nothing to repeat");
    if (c == '.') {
      ++at_;
      return canonical_character(nfa_, all_but(kLineEnds), spelling_);
    }
    if (c == '\\') return canonical_character(nfa_, read_escape(false), spelling_);
    const std::uint32_t character = read_character();
    return canonical_character(nfa_, normalised({{character, character}}), spelling_);
  }

  Nfa::Part read_group() {
    if (++depth_ > kMostGroups) fail("groups nest too deep");
    ++at_;
    if (take('?')) {
      if (!take(':')) fail("only plain groups and (?:...) are understood");
    }
    const Nfa::Part part = read_alternatives();
    if (!take(')')) fail("a group is not closed");
    --depth_;
    return part;
  }

  /// One UTF-8 character of the pattern, which was checked to be UTF-8.
  std::uint32_t read_character() {
    const auto lead = static_cast<unsigned char>(pattern_[at_++]);
    if (lead < 0x80) return lead;
    const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    std::uint32_t c = lead & (0x3FU >> more);
    for (int i = 0; i < more && !at_end(); ++i) c = c << 6 | (static_cast<unsigned char>(pattern_[at_++]) & 0x3FU);
    return c;
  }

  std::uint32_t read_hex(int digits) {
    std::uint32_t value = 0;
    for (int i = 0; i < digits; ++i) {
      const char c = at_end() ? 'g' : pattern_[at_];
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (digit < 0) fail("hexadecimal digits are missing");
      value = value * 16 + static_cast<std::uint32_t>(digit);
      ++at_;
    }
    return value;
  }

  CodePoints read_escape(bool in_class) {
    ++at_;
    if (at_end()) fail("a backslash ends the pattern");
    const char c = pattern_[at_++];
    const auto one = [](std::uint32_t character) { return normalised({{character, character}}); };
    switch (c) {
      case 'd': return kDigits;
      case 'D': return all_but(kDigits);
      case 'w': return kWord;
      case 'W': return all_but(kWord);
      case 's': return kBlanks;
      case 'S': return all_but(kBlanks);
      case 't': return one('\t');
      case 'n': return one('\n');
      case 'r': return one('\r');
      case 'f': return one('\f');
      case 'v': return one('\v');
      case '0': return one(0);
      case 'x': return one(read_hex(2));
      case 'u': return one(read_hex(4));
      case 'b':
        if (in_class) return one('\b');
        [[fallthrough]];
      default: break;
    }
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '1' && c <= '9');
    if (is_letter || static_cast<unsigned char>(c) >= 0x80) {
      --at_;
      fail("this escape is not understood");
    }
    return one(static_cast<unsigned char>(c));
  }

  CodePoints read_class() {
    ++at_;
    const bool is_inverse = take('^');
    CodePoints ranges;
    while (!take(']')) {
      if (at_end()) fail("a class is not closed");
      CodePoints first = class_member();
      if (!at_end() && peek() == '-' && at_ + 1 < pattern_.size() && pattern_[at_ + 1] != ']') {
        ++at_;
        const CodePoints last = class_member();
        const auto is_one = [](const CodePoints& points) { return points.size() == 1 && points[0].first == points[0].second; };
        if (!is_one(first) || !is_one(last) || first[0].first > last[0].first) fail("a range of a class is not in order");
        first[0].second = last[0].second;
      }
      ranges.insert(ranges.end(), first.begin(), first.end());
    }
    ranges = normalised(std::move(ranges));
    return is_inverse ? all_but(ranges) : ranges;
  }

  CodePoints class_member() {
    if (peek() == '\\') return read_escape(true);
    const std::uint32_t character = read_character();
    return {{character, character}};
  }

  Nfa& nfa_;
  std::string_view pattern_;
  const StringSpelling& spelling_;
  const std::string& place_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Nfa::Part pattern_string(Nfa& nfa, std::string_view pattern, const StringSpelling& spelling, const std::string& place) {
  return PatternReader(nfa, pattern, spelling, place).read();
}

}  // namespace drover::engine
