#pragma once

#include <cstdint>

#include "model/cuda/attention_arguments.h"
#include "model/cuda/bfloat16_bits.h"
#include "model/cuda/device_language.h"
#include "model/cuda/warp_product.h"

namespace drover::model::DROVER_DEVICE_NAMESPACE {

/// Sizes of the attention kernels for a type and a padded head size. Chosen so that a block's shared memory stays below the 99 KB
/// that every GPU since compute capability 8.6 gives, and the sums of a thread in its registers.
template <class Element>
struct TileSizes;

template <>
struct TileSizes<BFloat16> {
  static constexpr int kWarps = 4;          ///< each holds 16 rows of the results
  static constexpr int kForwardKeys = 64;   ///< keys that are read at once
  static constexpr int kBackwardOther = 32; ///< keys, or rows of queries, that the backward kernels read at once
};

template <>
struct TileSizes<float> {
  static constexpr int kWarps = 2;
  static constexpr int kForwardKeys = 16;
  static constexpr int kBackwardOther = 16;
};

/// Numbers between rows of a tile in shared memory: 16 bytes more than a row, so that eight rows lie in different banks.
template <class Element, int HeadDim>
inline constexpr int kTileStride = HeadDim + 16 / static_cast<int>(sizeof(Element));

template <class Element, int HeadDim>
constexpr int tile_bytes(int rows) {
  return rows * kTileStride<Element, HeadDim> * static_cast<int>(sizeof(Element));
}

/// Starts copying `Rows` rows of `head_dim` numbers into a tile, zeros behind them up to HeadDim. `row_at(r)` gives the row's place, or
/// null for zeros; `any` is some readable address.
template <class Element, int HeadDim, int Rows, int Threads, class RowAt>
DROVER_DEVICE void copy_tile_async(Element* tile, int head_dim, const Element* any, const RowAt& row_at) {
  constexpr int kUnit = 16 / static_cast<int>(sizeof(Element));
  constexpr int kUnits = HeadDim / kUnit;
  for (int i = thread_index(); i < Rows * kUnits; i += Threads) {
    const int row = i / kUnits, column = i % kUnits * kUnit;
    const Element* from = row_at(row);
    const bool valid = from != nullptr && column < head_dim;
    copy_16_async(tile + row * kTileStride<Element, HeadDim> + column, valid ? from + column : any, valid);
  }
}

/// The rows of an item's tile: row r is query head r % group of token r / group.
struct QueryRows {
  int token_begin, tokens, kv_head, heads, group;
  unsigned reciprocal;  ///< r / group = r * reciprocal >> 16, exact for r < 4096 and group <= 16

  DROVER_DEVICE QueryRows(const AttentionInputs& inputs, int first_token, int num_tokens, int head)
      : token_begin(first_token),
        tokens(num_tokens),
        kv_head(head),
        heads(inputs.heads),
        group(inputs.group()),
        reciprocal((65536U + static_cast<unsigned>(group) - 1) / static_cast<unsigned>(group)) {}

  DROVER_DEVICE int token_of(int row) const { return static_cast<int>(static_cast<unsigned>(row) * reciprocal >> 16); }
  DROVER_DEVICE bool holds(int row) const { return token_of(row) < tokens; }
  /// Which of all (token, head) pairs the row is.
  DROVER_DEVICE std::int64_t pair_of(int row) const {
    const int token = token_of(row);
    return static_cast<std::int64_t>(token_begin + token) * heads + kv_head * group + (row - token * group);
  }
};

DROVER_DEVICE bool is_visible(const VisiblePiece& piece, int query, int key, int window) {
  const int distance = query - piece.query_begin + piece.diagonal - (key - piece.key_begin);
  return query >= piece.query_begin && query < piece.query_end && key >= piece.key_begin && key < piece.key_end && distance >= 0 && distance < window;
}

/// Walks over the keys of an item's pieces that its tokens can see, `Step` at a time. Steps begin at multiples of Step from the piece's
/// first key, whatever the tokens are.
template <int Step>
class KeyWalk {
 public:
  DROVER_DEVICE KeyWalk(const AttentionInputs& inputs, const AttentionItem& item)
      : pieces_(inputs.pieces), window_(inputs.window), token_begin_(item.token_begin), token_end_(item.token_end), index_(item.piece_begin), end_(item.piece_end) {
    begin_piece();
  }
  DROVER_DEVICE bool at_end() const { return index_ >= end_; }
  DROVER_DEVICE void next() {
    key_ += Step;
    if (key_ < limit_) return;
    ++index_;
    begin_piece();
  }
  DROVER_DEVICE int key() const { return key_; }
  DROVER_DEVICE const VisiblePiece& piece() const { return pieces_[index_]; }

  /// Whether each token of the item sees each key of the step.
  DROVER_DEVICE bool all_visible() const {
    const VisiblePiece& seen = piece();
    if (token_begin_ < seen.query_begin || token_end_ > seen.query_end || key_ + Step > seen.key_end) return false;
    const int least = token_begin_ - seen.query_begin + seen.diagonal - (key_ + Step - 1 - seen.key_begin);
    const int most = token_end_ - 1 - seen.query_begin + seen.diagonal - (key_ - seen.key_begin);
    return least >= 0 && most < window_;
  }

 private:
  DROVER_DEVICE void begin_piece() {
    for (; index_ < end_; ++index_) {
      const VisiblePiece& seen = piece();
      const int first = token_begin_ > seen.query_begin ? token_begin_ : seen.query_begin;
      const int last = (token_end_ < seen.query_end ? token_end_ : seen.query_end) - 1;
      if (first > last) continue;
      const int reach = last - seen.query_begin + seen.diagonal + 1;
      const int length = seen.key_end - seen.key_begin;
      limit_ = seen.key_begin + (reach < length ? reach : length);
      int hidden = first - seen.query_begin + seen.diagonal - window_ + 1;
      if (hidden < 0) hidden = 0;
      key_ = seen.key_begin + hidden / Step * Step;
      if (key_ < limit_) return;
    }
  }

  const VisiblePiece* pieces_;
  int window_, token_begin_, token_end_, index_, end_;
  int key_ = 0, limit_ = 0;
};

/// Where a key and its value lie: numbers from the start of keys or values.
DROVER_DEVICE std::int64_t key_place(const AttentionInputs& inputs, const VisiblePiece& piece, int key, int kv_head) {
  std::int64_t slot = key;
  if (piece.pages >= 0) {
    slot = static_cast<std::int64_t>(inputs.page_table[piece.pages + key / kDevicePageTokens]) * kDevicePageTokens + key % kDevicePageTokens;
  }
  return (slot * inputs.kv_heads + kv_head) * inputs.head_dim;
}

/// Starts copying the keys, or the values, of a step.
template <class Element, int HeadDim, int Keys, int Threads>
DROVER_DEVICE void copy_keys_async(Element* tile, const AttentionInputs& inputs, const void* from, const VisiblePiece& piece, int key, int kv_head) {
  const auto* numbers = static_cast<const Element*>(from);
  copy_tile_async<Element, HeadDim, Keys, Threads>(tile, inputs.head_dim, numbers, [&](int row) -> const Element* {
    return key + row < piece.key_end ? numbers + key_place(inputs, piece, key + row, kv_head) : nullptr;
  });
}

/// Starts copying rows of queries, or of what has their shape.
template <class Element, int HeadDim, int Rows, int Threads>
DROVER_DEVICE void copy_queries_async(Element* tile, const QueryRows& rows, int head_dim, const void* from) {
  const auto* numbers = static_cast<const Element*>(from);
  copy_tile_async<Element, HeadDim, Rows, Threads>(
      tile, head_dim, numbers, [&](int row) -> const Element* { return rows.holds(row) ? numbers + rows.pair_of(row) * head_dim : nullptr; });
}

template <int Columns>
DROVER_DEVICE void clear(float (&sums)[Columns][4]) {
  DROVER_UNROLL
  for (int j = 0; j < Columns; ++j) {
    DROVER_UNROLL
    for (int i = 0; i < 4; ++i) sums[j][i] = 0.0F;
  }
}

}  // namespace drover::model::DROVER_DEVICE_NAMESPACE
