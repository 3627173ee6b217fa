#include "text/piece_table.h"

#include <algorithm>
#include <bit>

#include "base/error.h"

namespace drover::text {

PieceTable::PieceTable(std::size_t pieces) {
  // At most two thirds full, so that a search for an absent piece ends after a slot or two.
  short_slots_.resize(std::bit_ceil(pieces + pieces / 2 + 8));
  short_mask_ = short_slots_.size() - 1;
  long_slots_.resize(64);
  long_mask_ = long_slots_.size() - 1;
}

void PieceTable::add(std::string_view piece, TokenId id) {
  DROVER_CHECK(!piece.empty(), "A piece has bytes");
  if (find(piece) != kNoToken) return;
  longest_ = std::max(longest_, piece.size());
  if (piece.size() > kLongestKey) {
    if ((long_count_ + 1) * 2 > long_slots_.size()) grow_long();
    place_long({hash_of_long_piece(piece), long_bytes_.size(), static_cast<std::uint32_t>(piece.size()), id});
    long_bytes_ += piece;
    ++long_count_;
    return;
  }
  DROVER_CHECK((short_count_ + 1) * 3 <= short_slots_.size() * 2 + 24, "More pieces than the table was made for");
  const PieceKey key = make_piece_key(piece.data(), piece.size());
  std::size_t at = hash_of_key(key, piece.size()) & short_mask_;
  while (short_slots_[at].length != 0) at = (at + 1) & short_mask_;
  short_slots_[at] = {key, static_cast<std::uint32_t>(piece.size()), id};
  ++short_count_;
}

void PieceTable::grow_long() {
  std::vector<LongSlot> old(long_slots_.size() * 2);
  old.swap(long_slots_);
  long_mask_ = long_slots_.size() - 1;
  for (const LongSlot& slot : old) {
    if (slot.length != 0) place_long(slot);
  }
}

void PieceTable::place_long(const LongSlot& slot) {
  std::size_t at = slot.hash & long_mask_;
  while (long_slots_[at].length != 0) at = (at + 1) & long_mask_;
  long_slots_[at] = slot;
}

}  // namespace drover::text
