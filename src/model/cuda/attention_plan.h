#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/paged_model.h"
#include "model/attention_blocks.h"
#include "model/cuda/attention_arguments.h"
#include "model/token_tree.h"

namespace drover::model {

/// Which block of threads attends what in a pass: the numbers that the attention kernels read.
struct AttentionPlan {
  std::vector<AttentionItem> items;      ///< the longest first, so that none begins when the others are done
  std::vector<VisiblePiece> pieces;
  std::vector<KeyItem> key_items;        ///< for the backward pass; pieces of their own
  std::vector<VisiblePiece> key_pieces;
  std::vector<std::int32_t> page_table;
  std::vector<MergedToken> merged;       ///< tokens whose items are partial
  std::vector<std::int32_t> parts;       ///< their partial rows
  std::int32_t num_partial_rows = 0;
};

/// The rectangles of attention over a row. With a window, one for each segment and ancestor, since distances differ from segment to
/// segment; else one for each run of segments (attention_blocks.h).
std::vector<VisiblePiece> visible_pieces(const TokenRow& row, std::int64_t sliding_window);
std::vector<VisiblePiece> visible_pieces(std::span<const AttentionBlock> blocks);

/// Attention of a row over itself, cut into items of at most `tokens_of_item` tokens, and key items of `keys_of_item` keys. Each visible
/// pair must lie in one piece only.
AttentionPlan plan_row(std::span<const VisiblePiece> pieces, std::int64_t num_tokens, std::int64_t tokens_of_item, std::int64_t keys_of_item);

/// Attention of the chunks of a pass over their pages, keys and values of the new tokens included. Several tokens of one sequence share
/// items and see all their keys in one go. A token that is its chunk's only one is decoded: its keys are cut into pieces of
/// kPieceTokens, which many blocks take at once and a merge puts together, and neighbouring chunks read the pieces that they share
/// once for as many of them as an item holds (packed/attention_tiles.h). How a token's sums are ordered does not depend on the others.
AttentionPlan plan_chunks(std::span<const engine::SequenceChunk> chunks, std::int64_t sliding_window, std::int64_t tokens_of_item);

}  // namespace drover::model
