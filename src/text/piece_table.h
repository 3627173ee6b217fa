#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/piece_key.h"
#include "text/token_id.h"

namespace drover::text {

/// Pieces that are one token: a hash table from their bytes to the id. Filled once, then only read.
class PieceTable {
 public:
  /// Makes room for so many pieces.
  explicit PieceTable(std::size_t pieces = 0);

  /// Adds a piece, not empty; a piece that is there already keeps its id. Keeps its own copy of the bytes.
  void add(std::string_view piece, TokenId id);

  /// kNoToken when the piece is not in the table.
  TokenId find(std::string_view piece) const {
    if (piece.size() <= kLongestKey) {
      const PieceKey key = make_piece_key(piece.data(), piece.size());
      return find_short(key, piece.size(), hash_of_key(key, piece.size()));
    }
    return find_long(piece, hash_of_long_piece(piece));
  }

  TokenId find_short(const PieceKey& key, std::size_t length, std::uint64_t hash) const {
    for (std::size_t at = hash & short_mask_;; at = (at + 1) & short_mask_) {
      const ShortSlot& slot = short_slots_[at];
      if (slot.length == length && slot.key == key) return slot.id;
      if (slot.length == 0) return kNoToken;
    }
  }

  TokenId find_long(std::string_view piece, std::uint64_t hash) const {
    for (std::size_t at = hash & long_mask_;; at = (at + 1) & long_mask_) {
      const LongSlot& slot = long_slots_[at];
      if (slot.length == 0) return kNoToken;
      if (slot.hash == hash && slot.length == piece.size() &&
          piece == std::string_view(long_bytes_).substr(slot.begin, slot.length))
        return slot.id;
    }
  }

  std::size_t longest() const { return longest_; }

 private:
  struct ShortSlot {
    PieceKey key;
    std::uint32_t length = 0;  // 0: free
    TokenId id = kNoToken;
  };
  struct LongSlot {
    std::uint64_t hash = 0;
    std::size_t begin = 0;
    std::uint32_t length = 0;  // 0: free
    TokenId id = kNoToken;
  };

  void grow_long();
  void place_long(const LongSlot& slot);

  std::vector<ShortSlot> short_slots_;
  std::size_t short_mask_ = 0;
  std::size_t short_count_ = 0;
  std::vector<LongSlot> long_slots_;
  std::size_t long_mask_ = 0;
  std::size_t long_count_ = 0;
  std::string long_bytes_;
  std::size_t longest_ = 0;
};

}  // namespace drover::text
