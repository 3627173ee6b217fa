#include "text/byte_spelling.h"

#include <array>

#include "text/unicode.h"

namespace drover::text {
namespace {

constexpr char32_t kFirstShifted = 0x100;

constexpr bool stands_for_itself(unsigned byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

struct SpellingTable {
  std::array<char32_t, 256> character{};
  std::array<std::int16_t, 0x144> byte{};
};

constexpr SpellingTable make_table() {
  SpellingTable table;
  for (std::int16_t& byte : table.byte) byte = -1;
  char32_t shifted = kFirstShifted;
  for (unsigned byte = 0; byte < 256; ++byte) {
    table.character[byte] = stands_for_itself(byte) ? byte : shifted++;
    table.byte[table.character[byte]] = static_cast<std::int16_t>(byte);
  }
  return table;
}

constexpr SpellingTable kTable = make_table();
static_assert(kTable.character[' '] == 0x120 && kTable.character['\n'] == 0x10A && kTable.character[173] == 0x143);

}  // namespace

char32_t spelling_of_byte(std::uint8_t byte) { return kTable.character[byte]; }

std::optional<std::uint8_t> byte_of_spelling(char32_t character) {
  if (character >= kTable.byte.size() || kTable.byte[character] < 0) return std::nullopt;
  return static_cast<std::uint8_t>(kTable.byte[character]);
}

std::string spell_bytes(std::string_view bytes) {
  std::string spelling;
  spelling.reserve(bytes.size() * 2);
  for (const char byte : bytes) append_utf8(spelling_of_byte(static_cast<std::uint8_t>(byte)), spelling);
  return spelling;
}

std::optional<std::string> unspell_bytes(std::string_view spelling) {
  std::string bytes;
  bytes.reserve(spelling.size());
  const char* position = spelling.data();
  const char* const end = position + spelling.size();
  while (position < end) {
    const DecodedCharacter character = decode_character(position, end);
    const std::optional<std::uint8_t> byte = byte_of_spelling(character.code_point);
    if (!byte) return std::nullopt;
    bytes += static_cast<char>(*byte);
    position += character.length;
  }
  return bytes;
}

}  // namespace drover::text
