#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drover::verify {

// Text as Python's str sees it, for checks whose published scorers are written in Python: code points, and Python's ideas
// of white space, words and case.

/// The code points of UTF-8; a byte that is no UTF-8 becomes U+FFFD.
std::u32string decode(std::string_view text);
std::string encode(std::u32string_view text);

bool is_space(char32_t c);  ///< str.isspace
bool is_word(char32_t c);   ///< \w of the module re: letters, numbers, "_"; no marks
bool is_digit(char32_t c);  ///< \d: decimal digits of any script
bool is_upper_letter(char32_t c);
bool is_lower_letter(char32_t c);
char32_t lower(char32_t c);

std::u32string lower(std::u32string_view text);

/// Without the white space at both ends.
std::u32string_view strip(std::u32string_view text);

/// Without those of `characters` that stand at both ends.
std::u32string_view strip(std::u32string_view text, std::u32string_view characters);

bool is_blank(std::u32string_view text);

/// str.isupper and str.islower: at least one letter with case, and all of them in this one.
bool is_upper(std::u32string_view text);
bool is_lower(std::u32string_view text);

/// str.split(separator): always at least one part.
std::vector<std::u32string_view> split(std::u32string_view text, std::u32string_view separator);

/// str.split(): the words between white space.
std::vector<std::u32string_view> split_words(std::u32string_view text);

}  // namespace drover::verify
