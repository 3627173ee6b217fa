#include "text/set_pattern.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "text/unicode.h"

namespace drover::text {
namespace {

/// A set of code points: classes and ranges, perhaps negated.
class CharacterSet {
 public:
  void add_classes(std::uint8_t classes) { classes_ |= classes; }
  void add_all_but_space() { all_but_space_ = true; }
  void add_range(char32_t first, char32_t last) { ranges_.emplace_back(first, last); }
  void negate() { negated_ = true; }

  void finish() {
    std::sort(ranges_.begin(), ranges_.end());
    std::vector<std::pair<char32_t, char32_t>> joined;
    for (const auto& range : ranges_) {
      if (!joined.empty() && range.first <= joined.back().second) {
        joined.back().second = std::max(joined.back().second, range.second);
      } else {
        joined.push_back(range);
      }
    }
    ranges_ = std::move(joined);
  }

  bool holds(char32_t code_point) const { return listed(code_point) != negated_; }

 private:
  bool listed(char32_t code_point) const {
    const std::uint8_t classes = char_class_of(code_point);
    if (classes & classes_) return true;
    if (all_but_space_ && !(classes & char_class::kSpace)) return true;
    const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), code_point,
                                        [](char32_t wanted, const auto& range) { return wanted < range.first; });
    return after != ranges_.begin() && code_point <= (after - 1)->second;
  }

  std::uint8_t classes_ = 0;
  bool all_but_space_ = false;
  bool negated_ = false;
  std::vector<std::pair<char32_t, char32_t>> ranges_;
};

enum class Prefix { kNone, kBlank, kWhiteSpace };

class SetMatcher final : public Matcher {
 public:
  SetMatcher(Prefix prefix, CharacterSet set, bool repeated)
      : prefix_(prefix), set_(std::move(set)), repeated_(repeated) {}

  std::optional<MatchRange> find(std::string_view text, std::size_t from) const override {
    const char* const end = text.data() + text.size();
    const char* position = text.data() + from;
    while (position < end) {
      const DecodedCharacter first = decode_character(position, end);
      const char* after = position + first.length;
      if (is_prefix(first.code_point) && after < end) {
        const DecodedCharacter second = decode_character(after, end);
        if (set_.holds(second.code_point)) return range(text, position, after + second.length);
      }
      if (set_.holds(first.code_point)) return range(text, position, after);
      position = after;
    }
    return std::nullopt;
  }

 private:
  bool is_prefix(char32_t code_point) const {
    if (prefix_ == Prefix::kNone) return false;
    return prefix_ == Prefix::kBlank ? code_point == ' ' : (char_class_of(code_point) & char_class::kSpace) != 0;
  }

  MatchRange range(std::string_view text, const char* begin, const char* after) const {
    const char* const end = text.data() + text.size();
    while (repeated_ && after < end) {
      const DecodedCharacter next = decode_character(after, end);
      if (!set_.holds(next.code_point)) break;
      after += next.length;
    }
    return {static_cast<std::size_t>(begin - text.data()), static_cast<std::size_t>(after - text.data())};
  }

  Prefix prefix_;
  CharacterSet set_;
  bool repeated_;
};

/// \s+$ where $ is the end of the text or of a line. Walks every run of blanks once.
class BlanksAtLineEnd final : public Matcher {
 public:
  std::optional<MatchRange> find(std::string_view text, std::size_t from) const override {
    const char* const end = text.data() + text.size();
    const char* position = text.data() + from;
    while (position < end) {
      const char* last_line_end = nullptr;  // the last place within the run that $ accepts
      const char* after = position;
      while (after < end) {
        const DecodedCharacter next = decode_character(after, end);
        if (!(char_class_of(next.code_point) & char_class::kSpace)) break;
        if (*after == '\n' && after > position) last_line_end = after;
        after += next.length;
      }
      if (after == end && after > position) last_line_end = after;
      if (last_line_end != nullptr) {
        return MatchRange{static_cast<std::size_t>(position - text.data()),
                          static_cast<std::size_t>(last_line_end - text.data())};
      }
      position = after < end ? after + decode_character(after, end).length : end;
    }
    return std::nullopt;
  }
};

/// Reads the pattern; every function returns false when it meets something outside the plain form.
class SetPatternReader {
 public:
  explicit SetPatternReader(std::string_view pattern) : position_(pattern.data()), end_(position_ + pattern.size()) {}

  std::unique_ptr<const Matcher> read() {
    Prefix prefix = Prefix::kNone;
    if (take(" ?")) {
      prefix = Prefix::kBlank;
    } else if (take("\\s?")) {
      prefix = Prefix::kWhiteSpace;
    }
    CharacterSet set;
    if (!(position_ < end_ && *position_ == '[' ? read_bracket(set) : *position_ == '\\' && read_class(set)))
      return nullptr;
    const bool repeated = take("+");
    if (position_ != end_) return nullptr;
    set.finish();
    return std::make_unique<SetMatcher>(prefix, std::move(set), repeated);
  }

 private:
  bool take(std::string_view wanted) {
    if (!std::string_view(position_, static_cast<std::size_t>(end_ - position_)).starts_with(wanted)) return false;
    position_ += wanted.size();
    return true;
  }

  bool read_class(CharacterSet& set) {
    const std::pair<const char*, std::uint8_t> known[] = {
        {"\\p{L}", char_class::kLetter}, {"\\p{N}", char_class::kNumber}, {"\\p{P}", char_class::kPunctuation},
        {"\\p{S}", char_class::kSymbol}, {"\\p{M}", char_class::kMark},   {"\\s", char_class::kSpace}};
    for (const auto& [spelling, classes] : known) {
      if (take(spelling)) {
        set.add_classes(classes);
        return true;
      }
    }
    if (!take("\\S")) return false;
    set.add_all_but_space();
    return true;
  }

  std::optional<char32_t> read_character() {
    if (position_ == end_ || *position_ == '[' || *position_ == ']') return std::nullopt;
    if (*position_ == '\\') {
      if (end_ - position_ < 2) return std::nullopt;
      const char escaped = position_[1];
      const bool is_letter = (escaped >= 'a' && escaped <= 'z') || (escaped >= 'A' && escaped <= 'Z');
      const bool is_digit = escaped >= '0' && escaped <= '9';
      if ((is_letter && escaped != 'n' && escaped != 'r' && escaped != 't') || is_digit || escaped < 0)
        return std::nullopt;
      position_ += 2;
      return static_cast<char32_t>(escaped == 'n' ? '\n' : escaped == 'r' ? '\r' : escaped == 't' ? '\t' : escaped);
    }
    if (*position_ == '&' && end_ - position_ >= 2 && position_[1] == '&') return std::nullopt;  // intersection of sets
    const DecodedCharacter character = decode_character(position_, end_);
    if (character.code_point == kInvalidByte) return std::nullopt;
    position_ += character.length;
    return character.code_point;
  }

  bool read_bracket(CharacterSet& set) {
    ++position_;
    if (take("^")) set.negate();
    bool empty = true;
    while (position_ < end_ && *position_ != ']') {
      empty = false;
      if (*position_ == '\\' && read_class(set)) continue;
      const std::optional<char32_t> first = read_character();
      if (!first) return false;
      char32_t last = *first;
      if (end_ - position_ >= 2 && *position_ == '-' && position_[1] != ']') {
        ++position_;
        const std::optional<char32_t> read_last = read_character();
        if (!read_last || *read_last < *first) return false;
        last = *read_last;
      }
      set.add_range(*first, last);
    }
    return take("]") && !empty;
  }

  const char* position_;
  const char* end_;
};

}  // namespace

std::unique_ptr<const Matcher> compile_set_pattern(const std::string& pattern) {
  if (pattern.empty()) return nullptr;
  if (pattern == "\\s+$") return std::make_unique<BlanksAtLineEnd>();
  return SetPatternReader(pattern).read();
}

}  // namespace drover::text
