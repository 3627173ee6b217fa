#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "text/piece_key.h"
#include "text/token_id.h"

namespace drover::text {

/// Remembers what pieces of several tokens became. Bounded: a piece takes the place of another whose hash leads to the
/// same slot. Not for several threads at once.
class PieceCache {
 public:
  PieceCache() : short_slots_(kShortSlots), long_slots_(kLongSlots) {}

  static constexpr std::size_t kLongestPiece = 48;
  static constexpr std::size_t kMostShortIds = 11;
  static constexpr std::size_t kMostLongIds = 34;

  /// The ids of a piece of at most 16 bytes; empty when it is not remembered.
  std::span<const TokenId> find_short(const PieceKey& key, std::size_t length, std::uint64_t hash) const {
    const ShortSlot& slot = short_slots_[hash >> 20 & (kShortSlots - 1)];
    if (slot.length == length && slot.key == key) return {slot.ids.data(), slot.count};
    return {};
  }
  void put_short(const PieceKey& key, std::size_t length, std::uint64_t hash, std::span<const TokenId> ids) {
    if (ids.empty() || ids.size() > kMostShortIds) return;
    ShortSlot& slot = short_slots_[hash >> 20 & (kShortSlots - 1)];
    slot.key = key;
    slot.length = static_cast<std::uint16_t>(length);
    slot.count = static_cast<std::uint16_t>(ids.size());
    std::copy(ids.begin(), ids.end(), slot.ids.begin());
  }

  /// The same for pieces of 17 to kLongestPiece bytes.
  std::span<const TokenId> find_long(std::string_view piece, std::uint64_t hash) const {
    const LongSlot& slot = long_slots_[hash >> 20 & (kLongSlots - 1)];
    if (slot.hash == hash && slot.length == piece.size() &&
        std::memcmp(slot.bytes.data(), piece.data(), piece.size()) == 0) {
      return {slot.ids.data(), slot.count};
    }
    return {};
  }
  void put_long(std::string_view piece, std::uint64_t hash, std::span<const TokenId> ids) {
    if (ids.empty() || ids.size() > kMostLongIds || piece.size() > kLongestPiece) return;
    LongSlot& slot = long_slots_[hash >> 20 & (kLongSlots - 1)];
    slot.hash = hash;
    slot.length = static_cast<std::uint16_t>(piece.size());
    slot.count = static_cast<std::uint16_t>(ids.size());
    std::copy(piece.begin(), piece.end(), slot.bytes.begin());
    std::copy(ids.begin(), ids.end(), slot.ids.begin());
  }

 private:
  static constexpr std::size_t kShortSlots = 16384;  // 1 MiB
  static constexpr std::size_t kLongSlots = 4096;    // 0.8 MiB

  struct alignas(64) ShortSlot {
    PieceKey key;
    std::uint16_t length = 0;  // 0: free
    std::uint16_t count = 0;
    std::array<TokenId, kMostShortIds> ids;
  };
  static_assert(sizeof(ShortSlot) == 64, "One cache line");
  struct LongSlot {
    std::uint64_t hash = 0;
    std::uint16_t length = 0;  // 0: free
    std::uint16_t count = 0;
    std::array<char, kLongestPiece> bytes;
    std::array<TokenId, kMostLongIds> ids;
  };

  std::vector<ShortSlot> short_slots_;
  std::vector<LongSlot> long_slots_;
};

}  // namespace drover::text
