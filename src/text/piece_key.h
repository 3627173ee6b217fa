#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace drover::text {

/// A piece of at most 16 bytes as two words, zero behind its end. With the length it is the piece itself, so that
/// comparing keys compares pieces.
struct PieceKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const PieceKey&) const = default;
};

inline constexpr std::size_t kLongestKey = 16;

inline PieceKey make_piece_key(const char* bytes, std::size_t length) {
  PieceKey key;
  if (length >= 8) {
    std::memcpy(&key.low, bytes, 8);
    std::memcpy(&key.high, bytes + length - 8, 8);
    // The last eight bytes overlap the first ones; length 8 leaves nothing for the upper word.
    key.high = length == 8 ? 0 : key.high >> (16 - length) * 8;
  } else if (length >= 4) {
    std::uint32_t first, last;
    std::memcpy(&first, bytes, 4);
    std::memcpy(&last, bytes + length - 4, 4);
    key.low = first | std::uint64_t{last} << (length - 4) * 8;
  } else if (length > 0) {
    const auto byte = [bytes](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(bytes[i])}; };
    key.low = byte(0) | byte(length / 2) << length / 2 * 8 | byte(length - 1) << (length - 1) * 8;
  }
  return key;
}

inline std::uint64_t hash_of_key(const PieceKey& key, std::size_t length) {
  std::uint64_t hash = (key.low ^ length) * 0x9E3779B97F4A7C15u;
  hash ^= hash >> 32;
  hash = (hash ^ key.high) * 0xD6E8FEB86659FD93u;
  return hash ^ hash >> 32;
}

/// A hash of a piece of any length, eight bytes a step.
inline std::uint64_t hash_of_long_piece(std::string_view piece) {
  std::uint64_t hash = piece.size() * 0x9E3779B97F4A7C15u;
  std::size_t at = 0;
  for (; at + 8 <= piece.size(); at += 8) {
    std::uint64_t word;
    std::memcpy(&word, piece.data() + at, 8);
    hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
    hash ^= hash >> 32;
  }
  const PieceKey rest = make_piece_key(piece.data() + at, piece.size() - at);
  hash = (hash ^ rest.low) * 0x9E3779B97F4A7C15u;
  return hash ^ hash >> 32;
}

}  // namespace drover::text
