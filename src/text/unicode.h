#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace drover::text {

/// The general categories of Unicode 16, the version that Hugging Face tokenizers 0.23 holds.
enum class GeneralCategory : std::uint8_t {
  kCn,
  kLu,
  kLl,
  kLt,
  kLm,
  kLo,
  kMn,
  kMc,
  kMe,
  kNd,
  kNl,
  kNo,
  kPc,
  kPd,
  kPs,
  kPe,
  kPi,
  kPf,
  kPo,
  kSm,
  kSc,
  kSk,
  kSo,
  kZs,
  kZl,
  kZp,
  kCc,
  kCf,
  kCo,
  kCs
};

/// What pre-tokenizers ask about a code point, as bits that may be joined with `|`.
namespace char_class {
inline constexpr std::uint8_t kLetter = 1;        ///< \p{L}
inline constexpr std::uint8_t kNumber = 2;        ///< \p{N}
inline constexpr std::uint8_t kSpace = 4;         ///< \s: White_Space
inline constexpr std::uint8_t kMark = 8;          ///< \p{M}
inline constexpr std::uint8_t kPunctuation = 16;  ///< \p{P}
inline constexpr std::uint8_t kSymbol = 32;       ///< \p{S}
inline constexpr std::uint8_t kLineEnd = 64;      ///< \r and \n only (they are kSpace too)
inline constexpr std::uint8_t kOther = 128;       ///< \p{C}: controls, formats, unassigned; and bytes that are no UTF-8
}  // namespace char_class

/// Stands for a byte that belongs to no valid UTF-8 character. Its class is kOther and nothing else.
inline constexpr char32_t kInvalidByte = 0x110000;

/// The classes of all code points and of kInvalidByte, one byte each; filled at the first call, then only read.
const std::uint8_t* char_class_table();

/// The `char_class` bits of a code point (or of kInvalidByte).
inline std::uint8_t char_class_of(char32_t code_point) {
  return char_class_table()[code_point <= kInvalidByte ? code_point : kInvalidByte];
}

GeneralCategory general_category(char32_t code_point);

/// \w of the Rust and Oniguruma regular expressions: letters, marks, decimal digits, letter numbers, connectors and
/// joiners.
bool is_word_character(char32_t code_point);

/// One character read from text.
struct DecodedCharacter {
  char32_t code_point;   ///< kInvalidByte for a byte that begins no valid character
  std::uint32_t length;  ///< bytes it takes; 1 for an invalid byte
};

namespace detail {
DecodedCharacter decode_long_character(const char* text, const char* end);
}  // namespace detail

/// Reads the character at `text`, which must lie before `end`. Strict UTF-8: overlong forms, surrogates and values
/// above U+10FFFF are invalid bytes, each one by itself.
inline DecodedCharacter decode_character(const char* text, const char* end) {
  const auto first = static_cast<unsigned char>(*text);
  if (first < 0x80) return {first, 1};
  return detail::decode_long_character(text, end);
}

/// Reads the character that ends at `end`; `begin` must lie before it.
DecodedCharacter decode_last_character(const char* begin, const char* end);

/// Appends a code point as UTF-8; surrogates and values above U+10FFFF are appended as U+FFFD.
void append_utf8(char32_t code_point, std::string& out);

bool is_valid_utf8(std::string_view text);

/// The number of bytes at the end of `text` that begin a character whose rest is missing (0 to 3).
std::size_t unfinished_tail(std::string_view text);

/// The text with every byte that is no valid UTF-8 replaced by U+FFFD.
std::string replace_invalid_utf8(std::string_view text);

}  // namespace drover::text
