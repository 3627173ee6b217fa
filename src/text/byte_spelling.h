#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drover::text {

/// Byte-level BPE files spell each byte as one printable character (GPT-2's table): 33-126, 161-172 and 174-255 stand
/// for themselves, the other 68 bytes, in order, are U+0100 to U+0143.
char32_t spelling_of_byte(std::uint8_t byte);

/// The byte that a character spells; nothing when it spells none.
std::optional<std::uint8_t> byte_of_spelling(char32_t character);

/// "Ġthe" for " the".
std::string spell_bytes(std::string_view bytes);

/// The bytes that a token's spelling stands for; nothing when a character of it spells no byte or it is no valid UTF-8.
std::optional<std::string> unspell_bytes(std::string_view spelling);

}  // namespace drover::text
