#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace drover::text {

/// Which pairs of neighbouring symbols merge, in what order, and into what: a hash table over pairs of symbols. Symbols
/// are any numbers from 0; token ids are the usual ones.
class MergeTable {
 public:
  struct Merge {
    std::int32_t rank;    ///< lower merges first
    std::int32_t result;  ///< the symbol that the pair becomes; -1 when the pair does not merge
  };

  /// Makes room for this many pairs, so that adding them does not rebuild the table.
  void reserve(std::size_t pairs);

  /// Adds a pair. When it is there already the later call counts.
  void add(std::int32_t left, std::int32_t right, Merge merge);

  Merge find(std::int32_t left, std::int32_t right) const {
    if (slots_.empty()) return {0, -1};
    const std::uint64_t key = key_of(left, right);
    for (std::size_t at = hash_of(key) & mask_;; at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if (slot.key == key) return slot.merge;
      if (slot.key == kFree) return {0, -1};
    }
  }

  std::size_t size() const { return size_; }

  /// Merges until no pair of neighbours merges any more: always the pair of lowest rank, the leftmost of equals. Takes
  /// n log n steps. `symbols` holds the result; `Scratch` only saves allocations.
  struct Scratch {
    struct Node {
      std::int32_t symbol, before, after;
    };
    struct Candidate {
      std::uint64_t order;  ///< rank, then position
      std::int32_t left, right, result;
      bool operator<(const Candidate& other) const { return order > other.order; }  // for a heap with the lowest on top
    };
    std::vector<Node> nodes;
    std::vector<Candidate> heap;
    std::vector<Merge> merges;
  };
  void merge_all(std::vector<std::int32_t>& symbols, Scratch& scratch) const;

 private:
  struct Slot {
    std::uint64_t key;
    Merge merge;
  };
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};

  static std::uint64_t key_of(std::int32_t left, std::int32_t right) {
    return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
  }
  static std::size_t hash_of(std::uint64_t key) {
    key ^= key >> 32;
    key *= 0x9E3779B97F4A7C15u;
    return static_cast<std::size_t>(key ^ key >> 29);
  }
  void rebuild(std::size_t slots);
  void merge_few(std::vector<std::int32_t>& symbols, Scratch& scratch) const;
  void merge_many(std::vector<std::int32_t>& symbols, Scratch& scratch) const;

  std::vector<Slot> slots_;
  std::size_t mask_ = 0;
  std::size_t size_ = 0;
};

}  // namespace drover::text
