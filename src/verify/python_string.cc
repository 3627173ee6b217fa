#include "verify/python_string.h"

#include <algorithm>

#include "text/unicode.h"
#include "verify/letter_case.h"

namespace drover::verify {

using text::GeneralCategory;

std::u32string decode(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const auto character = text::decode_character(at, end);
    out.push_back(character.code_point == text::kInvalidByte ? U'\uFFFD' : character.code_point);
    at += character.length;
  }
  return out;
}

std::string encode(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t c : text) text::append_utf8(c, out);
  return out;
}

bool is_space(char32_t c) {
  // Python also counts the four separators of ASCII.
  return (c >= 0x1c && c <= 0x1f) || (text::char_class_of(c) & text::char_class::kSpace) != 0;
}

bool is_word(char32_t c) {
  return c == U'_' || (text::char_class_of(c) & (text::char_class::kLetter | text::char_class::kNumber)) != 0;
}

bool is_digit(char32_t c) {
  return c < 128 ? c >= U'0' && c <= U'9' : text::general_category(c) == GeneralCategory::kNd;
}

bool is_upper_letter(char32_t c) {
  return c < 128 ? c >= U'A' && c <= U'Z' : text::general_category(c) == GeneralCategory::kLu;
}

bool is_lower_letter(char32_t c) {
  return c < 128 ? c >= U'a' && c <= U'z' : text::general_category(c) == GeneralCategory::kLl;
}

char32_t lower(char32_t c) {
  if (c < 128) return c >= U'A' && c <= U'Z' ? c + (U'a' - U'A') : c;
  return lower_case_of(c);
}

std::u32string lower(std::u32string_view text) {
  std::u32string out(text);
  for (auto& c : out) c = lower(c);
  return out;
}

std::u32string_view strip(std::u32string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::u32string_view strip(std::u32string_view text, std::u32string_view characters) {
  const auto begin = text.find_first_not_of(characters);
  if (begin == std::u32string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(characters) - begin + 1);
}

bool is_blank(std::u32string_view text) { return std::all_of(text.begin(), text.end(), is_space); }

bool is_upper(std::u32string_view text) {
  bool has_case = false;
  for (const char32_t c : text) {
    if (is_lower_letter(c)) return false;
    if (c >= 128 && text::general_category(c) == GeneralCategory::kLt) return false;
    has_case |= is_upper_letter(c);
  }
  return has_case;
}

bool is_lower(std::u32string_view text) {
  bool has_case = false;
  for (const char32_t c : text) {
    if (is_upper_letter(c)) return false;
    if (c >= 128 && text::general_category(c) == GeneralCategory::kLt) return false;
    has_case |= is_lower_letter(c);
  }
  return has_case;
}

std::vector<std::u32string_view> split(std::u32string_view text, std::u32string_view separator) {
  std::vector<std::u32string_view> parts;
  for (std::size_t begin = 0;;) {
    const auto at = text.find(separator, begin);
    parts.push_back(text.substr(begin, at == std::u32string_view::npos ? at : at - begin));
    if (at == std::u32string_view::npos) return parts;
    begin = at + separator.size();
  }
}

std::vector<std::u32string_view> split_words(std::u32string_view text) {
  std::vector<std::u32string_view> words;
  for (std::size_t at = 0; at < text.size();) {
    if (is_space(text[at])) {
      ++at;
      continue;
    }
    const auto begin = at;
    while (at < text.size() && !is_space(text[at])) ++at;
    words.push_back(text.substr(begin, at - begin));
  }
  return words;
}

}  // namespace drover::verify
