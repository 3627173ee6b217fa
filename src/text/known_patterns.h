#pragma once

#include <string>
#include <string_view>

namespace drover::text {

/// The patterns of well-known tokenizers, as their files spell them. Raw strings hold the newlines as \r and \n.
namespace known_pattern {
inline constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kQwen35 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
}  // namespace known_pattern

/// Which hand-written scanner runs a pattern.
enum class KnownScanner { kNone, kGpt2, kLlama3, kQwen2, kQwen35 };

/// Recognises a pattern in the spellings that are in circulation: real newline characters for \r and \n, and GPT-2's
/// pattern without the last alternative (gaps become pieces all the same).
KnownScanner recognise_pattern(std::string_view pattern);

}  // namespace drover::text
