#include "text/merge_table.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "base/error.h"

namespace drover::text {

namespace {
constexpr std::size_t kFewSymbols = 48;  // up to here a scan for the lowest rank is faster than a heap
constexpr std::int32_t kNoRank = std::numeric_limits<std::int32_t>::max();
}  // namespace

void MergeTable::rebuild(std::size_t slots) {
  std::vector<Slot> old(slots, Slot{kFree, {0, -1}});
  old.swap(slots_);
  mask_ = slots - 1;
  size_ = 0;
  for (const Slot& slot : old) {
    if (slot.key != kFree)
      add(static_cast<std::int32_t>(slot.key >> 32), static_cast<std::int32_t>(slot.key & 0xFFFFFFFFu), slot.merge);
  }
}

void MergeTable::reserve(std::size_t pairs) {
  const std::size_t slots = std::bit_ceil(pairs * 2 + 16);
  if (slots > slots_.size()) rebuild(slots);
}

void MergeTable::add(std::int32_t left, std::int32_t right, Merge merge) {
  DROVER_CHECK(left >= 0 && right >= 0, "Symbols are numbers from 0");
  reserve(size_ + 1);
  const std::uint64_t key = key_of(left, right);
  std::size_t at = hash_of(key) & mask_;
  while (slots_[at].key != key && slots_[at].key != kFree) at = (at + 1) & mask_;
  if (slots_[at].key == kFree) ++size_;
  slots_[at] = {key, merge};
}

void MergeTable::merge_all(std::vector<std::int32_t>& symbols, Scratch& scratch) const {
  if (symbols.size() < 2) return;
  if (symbols.size() <= kFewSymbols) {
    merge_few(symbols, scratch);
  } else {
    merge_many(symbols, scratch);
  }
}

void MergeTable::merge_few(std::vector<std::int32_t>& symbols, Scratch& scratch) const {
  auto& merges = scratch.merges;  // merges[i] is of symbols i and i + 1
  const auto lookup = [&](std::size_t i) {
    const Merge merge = find(symbols[i], symbols[i + 1]);
    return merge.result < 0 ? Merge{kNoRank, -1} : merge;
  };
  merges.clear();
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) merges.push_back(lookup(i));
  while (!merges.empty()) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < merges.size(); ++i) {
      if (merges[i].rank < merges[best].rank) best = i;
    }
    if (merges[best].result < 0) return;
    symbols[best] = merges[best].result;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    merges.erase(merges.begin() + static_cast<std::ptrdiff_t>(best));
    if (best > 0) merges[best - 1] = lookup(best - 1);
    if (best < merges.size()) merges[best] = lookup(best);
  }
}

void MergeTable::merge_many(std::vector<std::int32_t>& symbols, Scratch& scratch) const {
  auto& nodes = scratch.nodes;
  auto& heap = scratch.heap;
  const auto count = static_cast<std::int32_t>(symbols.size());
  nodes.clear();
  heap.clear();
  for (std::int32_t i = 0; i < count; ++i) {
    nodes.push_back({symbols[static_cast<std::size_t>(i)], i - 1, i + 1 < count ? i + 1 : -1});
  }
  const auto node = [&](std::int32_t i) -> Scratch::Node& { return nodes[static_cast<std::size_t>(i)]; };
  const auto consider = [&](std::int32_t left) {
    if (left < 0 || node(left).after < 0) return false;
    const std::int32_t a = node(left).symbol;
    const std::int32_t b = node(node(left).after).symbol;
    const Merge merge = find(a, b);
    if (merge.result < 0) return false;
    heap.push_back({std::uint64_t{static_cast<std::uint32_t>(merge.rank)} << 32 | static_cast<std::uint32_t>(left), a,
                    b, merge.result});
    return true;
  };
  for (std::int32_t i = 0; i < count; ++i) consider(i);
  std::make_heap(heap.begin(), heap.end());
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    const Scratch::Candidate best = heap.back();
    heap.pop_back();
    const auto left = static_cast<std::int32_t>(best.order & 0xFFFFFFFFu);
    const std::int32_t right = node(left).after;
    // Older candidates remain in the heap; they count only while both of their symbols still stand where they stood.
    if (node(left).symbol != best.left || right < 0 || node(right).symbol != best.right) continue;
    node(left).symbol = best.result;
    node(left).after = node(right).after;
    if (node(right).after >= 0) node(node(right).after).before = left;
    node(right).symbol = -1;
    if (consider(node(left).before)) std::push_heap(heap.begin(), heap.end());
    if (consider(left)) std::push_heap(heap.begin(), heap.end());
  }
  symbols.clear();
  for (std::int32_t i = 0; i >= 0; i = node(i).after) symbols.push_back(node(i).symbol);
}

}  // namespace drover::text
