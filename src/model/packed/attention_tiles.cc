#include "model/packed/attention_tiles.h"

#include <algorithm>

#include "model/packed/kernels.h"

namespace drover::model {
namespace {

constexpr std::int64_t kPagesOfARound = kRoundTokens / kPageTokens;

// Rounds that two sequences read from the same pages. A round counts when both see all of it.
std::int64_t shared_rounds(const engine::SequenceChunk& a, const engine::SequenceChunk& b) {
  const std::int64_t seen = std::min(a.begin, b.begin) / kRoundTokens * kPagesOfARound;
  std::int64_t pages = 0;
  while (pages < seen && a.pages[static_cast<std::size_t>(pages)] == b.pages[static_cast<std::size_t>(pages)]) ++pages;
  return pages / kPagesOfARound;
}

}  // namespace

std::vector<AttentionTile> attention_tiles(std::span<const engine::SequenceChunk> chunks, std::int64_t max_tokens) {
  std::vector<AttentionTile> tiles;
  std::int64_t row = 0;
  for (std::size_t i = 0; i < chunks.size();) {
    const auto tokens = static_cast<std::int64_t>(chunks[i].tokens.size());
    if (tokens > 1) {
      for (std::int64_t begin = 0; begin < tokens; begin += max_tokens) {
        tiles.push_back({.chunk = i, .row = row + begin, .tokens = std::min(max_tokens, tokens - begin), .is_one_sequence = true});
      }
      row += tokens;
      ++i;
      continue;
    }
    AttentionTile tile{.chunk = i, .row = row, .tokens = 1};
    for (std::int64_t rounds = 0; i + static_cast<std::size_t>(tile.tokens) < chunks.size() && tile.tokens < max_tokens; ++tile.tokens) {
      const auto& next = chunks[i + static_cast<std::size_t>(tile.tokens)];
      if (next.tokens.size() != 1) break;
      rounds = shared_rounds(chunks[i], next);
      // A neighbour that shares less would make the others read twice what they could have read together.
      if (rounds == 0 || (tile.tokens > 1 && rounds < tile.shared_rounds)) break;
      tile.shared_rounds = rounds;
    }
    tile.is_one_sequence = tile.tokens == 1;
    if (tile.is_one_sequence) tile.shared_rounds = 0;
    row += tile.tokens;
    i += static_cast<std::size_t>(tile.tokens);
    tiles.push_back(tile);
  }
  return tiles;
}

}  // namespace drover::model
