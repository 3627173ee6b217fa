#include "model/cuda/attention_plan.h"

#include <algorithm>
#include <cstddef>

#include "base/error.h"
#include "model/packed/attention_tiles.h"
#include "model/packed/kernels.h"

namespace drover::model {
namespace {

static_assert(kDevicePageTokens == kPageTokens && kPieceTokens == kRoundTokens, "attention_tiles counts rounds of these");

std::int32_t narrow(std::int64_t number) {
  DROVER_CHECK(number >= 0 && number < kAllVisible, "{} tokens in one pass", number);
  return static_cast<std::int32_t>(number);
}

std::int32_t count_of(const auto& numbers) { return narrow(static_cast<std::int64_t>(numbers.size())); }

std::int64_t keys_seen(const AttentionPlan& plan, const AttentionItem& item) {
  std::int64_t sum = 0;
  for (std::int32_t p = item.piece_begin; p < item.piece_end; ++p) {
    const VisiblePiece& piece = plan.pieces[static_cast<std::size_t>(p)];
    const std::int64_t last = std::min(item.token_end, piece.query_end) - piece.query_begin + std::int64_t{piece.diagonal};
    sum += std::min<std::int64_t>(piece.key_end - piece.key_begin, last);
  }
  return sum;
}

void longest_first(AttentionPlan& plan) {
  std::vector<std::pair<std::int64_t, AttentionItem>> sized;
  for (const AttentionItem& item : plan.items) sized.emplace_back(keys_seen(plan, item), item);
  std::stable_sort(sized.begin(), sized.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  for (std::size_t i = 0; i < sized.size(); ++i) plan.items[i] = sized[i].second;
}

class ChunkPlan {
 public:
  ChunkPlan(std::span<const engine::SequenceChunk> chunks, std::int64_t window) : chunks_(chunks), window_(window) {
    std::int64_t row = 0;
    for (const auto& chunk : chunks) {
      rows_.push_back(row);
      page_begins_.push_back(count_of(plan_.page_table));
      const std::int64_t tokens = static_cast<std::int64_t>(chunk.tokens.size()), end = chunk.begin + tokens;
      const auto pages = static_cast<std::size_t>((end + kDevicePageTokens - 1) / kDevicePageTokens);
      DROVER_CHECK(pages <= chunk.pages.size(), "{} tokens in {} pages", end, chunk.pages.size());
      for (std::size_t p = 0; p < pages; ++p) plan_.page_table.push_back(static_cast<std::int32_t>(chunk.pages[p]));
      row += tokens;
    }
  }

  void add(const AttentionTile& tile) {
    const engine::SequenceChunk& first = chunks_[tile.chunk];
    if (first.tokens.size() > 1) {
      const std::int64_t position = first.begin + tile.row - rows_[tile.chunk];
      add_item(tile.row, tile.tokens, tile.chunk, 0, position + tile.tokens, position, /*partial=*/-1);
      return;
    }
    // Shared pieces once for all tokens of the tile, then each token's own.
    std::vector<std::vector<std::int32_t>> parts(static_cast<std::size_t>(tile.tokens));
    for (std::int64_t piece = 0; piece < tile.shared_rounds; ++piece) {
      const std::int32_t rows = take_partial_rows(tile.tokens);
      add_item(tile.row, tile.tokens, tile.chunk, piece * kPieceTokens, (piece + 1) * kPieceTokens, kAllVisible, rows);
      for (std::int64_t t = 0; t < tile.tokens; ++t) parts[static_cast<std::size_t>(t)].push_back(rows + static_cast<std::int32_t>(t));
    }
    for (std::int64_t t = 0; t < tile.tokens; ++t) add_decoded(tile.chunk + static_cast<std::size_t>(t), tile.shared_rounds, parts[static_cast<std::size_t>(t)]);
  }

  AttentionPlan taken() {
    longest_first(plan_);
    return std::move(plan_);
  }

 private:
  void add_decoded(std::size_t chunk, std::int64_t first_piece, std::vector<std::int32_t>& parts) {
    const std::int64_t position = chunks_[chunk].begin, end = position + 1;
    if (window_ > 0) first_piece = std::max<std::int64_t>(first_piece, std::max<std::int64_t>(0, end - window_) / kPieceTokens);
    const std::int64_t pieces = (end + kPieceTokens - 1) / kPieceTokens;
    const bool alone = parts.empty() && pieces - first_piece == 1;
    for (std::int64_t piece = first_piece; piece < pieces; ++piece) {
      const std::int32_t rows = alone ? -1 : take_partial_rows(1);
      const std::int64_t begin = piece * kPieceTokens;
      add_item(rows_[chunk], 1, chunk, begin, std::min(end, begin + kPieceTokens), position - begin, rows);
      if (!alone) parts.push_back(rows);
    }
    if (alone) return;
    const std::int32_t part_begin = count_of(plan_.parts);
    plan_.parts.insert(plan_.parts.end(), parts.begin(), parts.end());
    plan_.merged.push_back({.token = narrow(rows_[chunk]), .part_begin = part_begin, .part_end = count_of(plan_.parts)});
  }

  void add_item(std::int64_t row, std::int64_t tokens, std::size_t chunk, std::int64_t key_begin, std::int64_t key_end, std::int64_t diagonal, std::int32_t partial) {
    const std::int32_t piece = count_of(plan_.pieces);
    plan_.pieces.push_back({.query_begin = narrow(row),
                            .query_end = narrow(row + tokens),
                            .key_begin = narrow(key_begin),
                            .key_end = narrow(key_end),
                            .diagonal = static_cast<std::int32_t>(diagonal),
                            .pages = page_begins_[chunk]});
    plan_.items.push_back({.token_begin = narrow(row), .token_end = narrow(row + tokens), .piece_begin = piece, .piece_end = piece + 1, .partial = partial});
  }

  std::int32_t take_partial_rows(std::int64_t count) {
    const std::int32_t first = plan_.num_partial_rows;
    plan_.num_partial_rows = narrow(first + count);
    return first;
  }

  std::span<const engine::SequenceChunk> chunks_;
  std::int64_t window_;
  std::vector<std::int64_t> rows_;
  std::vector<std::int32_t> page_begins_;
  AttentionPlan plan_;
};

}  // namespace

std::vector<VisiblePiece> visible_pieces(std::span<const AttentionBlock> blocks) {
  std::vector<VisiblePiece> pieces;
  for (const AttentionBlock& block : blocks) {
    pieces.push_back({.query_begin = narrow(block.query_begin),
                      .query_end = narrow(block.query_end),
                      .key_begin = narrow(block.key_begin),
                      .key_end = narrow(block.key_end),
                      .diagonal = block.causal ? 0 : kAllVisible});
  }
  return pieces;
}

std::vector<VisiblePiece> visible_pieces(const TokenRow& row, std::int64_t sliding_window) {
  if (sliding_window == 0) return visible_pieces(attention_blocks(row));
  std::vector<VisiblePiece> pieces;
  for (const Segment& own : row.segments) {
    if (own.begin == own.end) continue;
    for (const Segment* seen = &own;;) {
      if (seen->end > seen->begin) {
        const std::int32_t apart = row.positions[static_cast<std::size_t>(own.begin)] - row.positions[static_cast<std::size_t>(seen->begin)];
        pieces.push_back({.query_begin = narrow(own.begin), .query_end = narrow(own.end), .key_begin = narrow(seen->begin), .key_end = narrow(seen->end), .diagonal = apart});
      }
      if (seen->parent < 0) break;
      seen = &row.segments[static_cast<std::size_t>(seen->parent)];
    }
  }
  return pieces;
}

AttentionPlan plan_row(std::span<const VisiblePiece> pieces, std::int64_t num_tokens, std::int64_t tokens_of_item, std::int64_t keys_of_item) {
  AttentionPlan plan;
  for (std::int64_t begin = 0; begin < num_tokens; begin += tokens_of_item) {
    AttentionItem item{.token_begin = narrow(begin), .token_end = narrow(std::min(num_tokens, begin + tokens_of_item)), .piece_begin = count_of(plan.pieces), .piece_end = 0};
    for (const VisiblePiece& piece : pieces) {
      if (piece.query_begin < item.token_end && piece.query_end > item.token_begin) plan.pieces.push_back(piece);
    }
    item.piece_end = count_of(plan.pieces);
    plan.items.push_back(item);
  }
  longest_first(plan);
  for (std::int64_t begin = 0; begin < num_tokens; begin += keys_of_item) {
    KeyItem item{.key_begin = narrow(begin), .key_end = narrow(std::min(num_tokens, begin + keys_of_item)), .piece_begin = count_of(plan.key_pieces), .piece_end = 0};
    for (const VisiblePiece& piece : pieces) {
      if (piece.key_begin < item.key_end && piece.key_end > item.key_begin) plan.key_pieces.push_back(piece);
    }
    item.piece_end = count_of(plan.key_pieces);
    plan.key_items.push_back(item);
  }
  return plan;
}

AttentionPlan plan_chunks(std::span<const engine::SequenceChunk> chunks, std::int64_t sliding_window, std::int64_t tokens_of_item) {
  ChunkPlan plan(chunks, sliding_window);
  for (const AttentionTile& tile : attention_tiles(chunks, tokens_of_item)) {
    if (sliding_window == 0 || tile.is_one_sequence) {
      plan.add(tile);
      continue;
    }
    // Behind a window each token sees other keys of a shared prefix than its neighbour.
    for (std::int64_t t = 0; t < tile.tokens; ++t) plan.add({.chunk = tile.chunk + static_cast<std::size_t>(t), .row = tile.row + t, .tokens = 1, .is_one_sequence = true});
  }
  return plan.taken();
}

}  // namespace drover::model
