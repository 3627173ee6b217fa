#include "text/unicode.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <vector>

namespace drover::text {
namespace {

constexpr std::uint32_t kRuns[] = {
#include "text/unicode_categories.inc"
};

constexpr char32_t kWhiteSpace[] = {0x09,   0x0A,   0x0B,   0x0C,   0x0D,   0x20,   0x85,   0xA0,   0x1680,
                                    0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008,
                                    0x2009, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000};

std::uint8_t class_of_category(GeneralCategory category) {
  using enum GeneralCategory;
  if (category >= kLu && category <= kLo) return char_class::kLetter;
  if (category >= kMn && category <= kMe) return char_class::kMark;
  if (category >= kNd && category <= kNo) return char_class::kNumber;
  if (category >= kPc && category <= kPo) return char_class::kPunctuation;
  if (category >= kSm && category <= kSo) return char_class::kSymbol;
  if (category >= kZs && category <= kZp) return 0;
  return char_class::kOther;
}

std::vector<std::uint8_t> make_class_table() {
  std::vector<std::uint8_t> table(kInvalidByte + 1, char_class::kOther);
  for (std::size_t i = 0; i < std::size(kRuns); ++i) {
    const std::uint32_t begin = kRuns[i] / 32;
    const std::uint32_t end = i + 1 < std::size(kRuns) ? kRuns[i + 1] / 32 : 0x110000;
    std::memset(table.data() + begin, class_of_category(static_cast<GeneralCategory>(kRuns[i] % 32)), end - begin);
  }
  for (const char32_t space : kWhiteSpace) table[space] |= char_class::kSpace;
  table['\r'] |= char_class::kLineEnd;
  table['\n'] |= char_class::kLineEnd;
  return table;
}

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

}  // namespace

const std::uint8_t* char_class_table() {
  static const std::vector<std::uint8_t> table = make_class_table();
  return table.data();
}

GeneralCategory general_category(char32_t code_point) {
  if (code_point >= 0x110000) return GeneralCategory::kCn;
  const auto* run =
      std::upper_bound(std::begin(kRuns), std::end(kRuns), static_cast<std::uint32_t>(code_point) * 32 + 31);
  return static_cast<GeneralCategory>(*(run - 1) % 32);
}

bool is_word_character(char32_t code_point) {
  const std::uint8_t flags = char_class_of(code_point);
  if (flags & (char_class::kLetter | char_class::kMark)) return true;
  if (code_point == 0x200C || code_point == 0x200D) return true;
  const GeneralCategory category = general_category(code_point);
  return category == GeneralCategory::kNd || category == GeneralCategory::kNl || category == GeneralCategory::kPc;
}

DecodedCharacter detail::decode_long_character(const char* text, const char* end) {
  const auto byte = [text](int i) { return static_cast<char32_t>(static_cast<unsigned char>(text[i])); };
  const char32_t first = byte(0);
  const auto left = end - text;
  if (first >= 0xC2 && first < 0xE0) {
    if (left >= 2 && continues(text[1])) return {(first & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  } else if (first >= 0xE0 && first < 0xF0) {
    if (left >= 3 && continues(text[1]) && continues(text[2])) {
      const char32_t code_point = (first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
      if (code_point >= 0x800 && (code_point < 0xD800 || code_point >= 0xE000)) return {code_point, 3};
    }
  } else if (first >= 0xF0 && first < 0xF5) {
    if (left >= 4 && continues(text[1]) && continues(text[2]) && continues(text[3])) {
      const char32_t code_point =
          (first & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
      if (code_point >= 0x10000 && code_point < 0x110000) return {code_point, 4};
    }
  }
  return {kInvalidByte, 1};
}

DecodedCharacter decode_last_character(const char* begin, const char* end) {
  const char* start = end - 1;
  for (int back = 0; back < 3 && start > begin && continues(*start); ++back) --start;
  const DecodedCharacter character = decode_character(start, end);
  if (start + character.length == end) return character;
  return {kInvalidByte, 1};
}

void append_utf8(char32_t code_point, std::string& out) {
  if (code_point >= 0x110000 || (code_point >= 0xD800 && code_point < 0xE000)) code_point = 0xFFFD;
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    out += static_cast<char>(0xC0 | code_point >> 6);
    out += static_cast<char>(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    out += static_cast<char>(0xE0 | code_point >> 12);
    out += static_cast<char>(0x80 | (code_point >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code_point & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | code_point >> 18);
    out += static_cast<char>(0x80 | (code_point >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code_point >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code_point & 0x3F));
  }
}

bool is_valid_utf8(std::string_view text) {
  const char* position = text.data();
  const char* const end = position + text.size();
  while (position < end) {
    const DecodedCharacter character = decode_character(position, end);
    if (character.code_point == kInvalidByte) return false;
    position += character.length;
  }
  return true;
}

std::size_t unfinished_tail(std::string_view text) {
  const std::size_t looked_at = std::min<std::size_t>(text.size(), 3);
  for (std::size_t back = 1; back <= looked_at; ++back) {
    const auto first = static_cast<unsigned char>(text[text.size() - back]);
    if ((first & 0xC0) == 0x80) continue;
    const std::size_t needed = first >= 0xF0 && first < 0xF5   ? 4
                               : first >= 0xE0 && first < 0xF0 ? 3
                               : first >= 0xC2 && first < 0xE0 ? 2
                                                               : 1;
    if (needed <= back) return 0;
    // A second byte that can never complete a valid character makes the first one wrong already, so there is nothing to
    // wait for.
    if (back >= 2) {
      const auto second = static_cast<unsigned char>(text[text.size() - back + 1]);
      if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second >= 0xA0) || (first == 0xF0 && second < 0x90) ||
          (first == 0xF4 && second >= 0x90)) {
        return 0;
      }
    }
    return back;
  }
  return 0;
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  const char* position = text.data();
  const char* const end = position + text.size();
  while (position < end) {
    const DecodedCharacter character = decode_character(position, end);
    if (character.code_point == kInvalidByte) {
      out += "\xEF\xBF\xBD";
    } else {
      out.append(position, character.length);
    }
    position += character.length;
  }
  return out;
}

}  // namespace drover::text
