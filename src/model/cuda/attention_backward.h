#pragma once

#include "model/cuda/attention_forward.h"
#include "model/cuda/attention_tiles_in_shared.h"

namespace drover::model::DROVER_DEVICE_NAMESPACE {

// With P = exp(scale S - log_sum_exp) of the whole row, dP = dO V^T and delta = sum(O dO) (Dao et al. 2022, appendix B):
//   dS = P (dP - delta),  dQ = scale dS K,  dK = scale dS^T Q,  dV = P^T dO.
// Two kernels, one over queries and one over keys, so that each result has one block that sums it, in one order.

inline constexpr int kDeltaThreads = 128;

/// One warp a token and head.
template <class Element>
DROVER_KERNEL(kDeltaThreads) attend_delta(AttentionBackward arguments) {
  const AttentionInputs& inputs = arguments.inputs;
  const int pair = block_x() * (kDeltaThreads / kWarpThreads) + thread_index() / kWarpThreads;
  if (pair >= arguments.num_tokens * inputs.heads) return;
  const std::int64_t begin = static_cast<std::int64_t>(pair) * inputs.head_dim;
  const auto* output = static_cast<const Element*>(arguments.output) + begin;
  const auto* gradient = static_cast<const Element*>(arguments.output_gradient) + begin;
  float sum = 0.0F;
  for (int column = lane_index(); column < inputs.head_dim; column += kWarpThreads) sum += to_float(output[column]) * to_float(gradient[column]);
  sum = sum_of_lanes<kWarpThreads>(sum);
  if (lane_index() == 0) arguments.delta[pair] = sum;
}

template <class Element, int HeadDim>
struct BackwardLayout {
  using Sizes = TileSizes<Element>;
  static constexpr int kThreads = Sizes::kWarps * kWarpThreads;
  static constexpr int kOwn = Sizes::kWarps * 16;        // rows of results: queries in one kernel, keys in the other
  static constexpr int kOther = Sizes::kBackwardOther;   // what streams by
  static constexpr int kScratch = WarpProduct<Element>::scratch_floats(kOther);
  static constexpr int kOwnBytes = tile_bytes<Element, HeadDim>(kOwn);
  static constexpr int kOtherBytes = tile_bytes<Element, HeadDim>(kOther);
  static constexpr int kScratchBytes = Sizes::kWarps * kScratch * static_cast<int>(sizeof(float));
  static constexpr int kColumnBytes = 2 * 2 * kOther * static_cast<int>(sizeof(float));  // log_sum_exp and delta, two stages
  static constexpr int kSharedBytes = 2 * kOwnBytes + 4 * kOtherBytes + kScratchBytes + kColumnBytes;
};

template <class Element, int HeadDim>
DROVER_DEVICE void store_rows(Element* place, int head_dim, const float (&sums)[HeadDim / 8][4], int half, float factor) {
  DROVER_UNROLL
  for (int j = 0; j < HeadDim / 8; ++j) {
    const int column = j * 8 + column_of_lane();
    if (column < head_dim) store_pair(place + column, sums[j][2 * half] * factor, sums[j][2 * half + 1] * factor);
  }
}

/// One block: dQ of one item for one key-value head.
template <class Element, int HeadDim>
DROVER_KERNEL((BackwardLayout<Element, HeadDim>::kThreads)) attend_query_gradient(AttentionBackward arguments) {
  using Layout = BackwardLayout<Element, HeadDim>;
  using Product = WarpProduct<Element>;
  constexpr int kStride = kTileStride<Element, HeadDim>;
  constexpr int kKeys = Layout::kOther;
  const AttentionInputs& inputs = arguments.inputs;
  const AttentionItem item = arguments.items[block_x()];
  const int kv_head = block_y();
  const int warp = thread_index() / kWarpThreads;
  const QueryRows rows(inputs, item.token_begin, item.token_end - item.token_begin, kv_head);

  unsigned char* const memory = shared_memory();
  auto* const queries = reinterpret_cast<Element*>(memory);
  auto* const gradients = reinterpret_cast<Element*>(memory + Layout::kOwnBytes);
  auto* const tiles = reinterpret_cast<Element*>(memory + 2 * Layout::kOwnBytes);
  auto* const scratch = reinterpret_cast<float*>(memory + 2 * Layout::kOwnBytes + 4 * Layout::kOtherBytes) + warp * Layout::kScratch;
  const auto keys_of = [&](int stage) { return tiles + 2 * stage * kKeys * kStride; };
  const auto values_of = [&](int stage) { return keys_of(stage) + kKeys * kStride; };
  const auto copy_step = [&](const KeyWalk<kKeys>& walk, int stage) {
    copy_keys_async<Element, HeadDim, kKeys, Layout::kThreads>(keys_of(stage), inputs, inputs.keys, walk.piece(), walk.key(), kv_head);
    copy_keys_async<Element, HeadDim, kKeys, Layout::kThreads>(values_of(stage), inputs, inputs.values, walk.piece(), walk.key(), kv_head);
  };

  KeyWalk<kKeys> walk(inputs, item);
  copy_queries_async<Element, HeadDim, Layout::kOwn, Layout::kThreads>(queries, rows, inputs.head_dim, inputs.queries);
  copy_queries_async<Element, HeadDim, Layout::kOwn, Layout::kThreads>(gradients, rows, inputs.head_dim, arguments.output_gradient);
  if (!walk.at_end()) copy_step(walk, 0);
  commit_copies();
  const typename Product::Rows own_queries{queries + warp * 16 * kStride, kStride};
  const typename Product::Rows own_gradients{gradients + warp * 16 * kStride, kStride};

  const bool has_rows = rows.holds(warp * 16);
  int token[2];
  float log_sum_exp[2] = {0.0F, 0.0F}, delta[2] = {0.0F, 0.0F};
  DROVER_UNROLL
  for (int half = 0; half < 2; ++half) {
    const int row = warp * 16 + row_of_lane() + 8 * half;
    token[half] = item.token_begin + rows.token_of(row);
    if (!rows.holds(row)) continue;
    log_sum_exp[half] = arguments.log_sum_exp[rows.pair_of(row)] * kLog2OfE;
    delta[half] = arguments.delta[rows.pair_of(row)];
  }
  float result[HeadDim / 8][4];
  clear(result);
  for (int stage = 0; !walk.at_end(); stage ^= 1) {
    KeyWalk<kKeys> following = walk;
    following.next();
    if (!following.at_end()) copy_step(following, stage ^ 1);
    commit_copies();
    wait_for_copies<1>();
    block_barrier();
    if (has_rows) {
      float weights[kKeys / 8][4], slopes[kKeys / 8][4];
      clear(weights);
      clear(slopes);
      Product::template rows_times_rows<kKeys, HeadDim>(weights, own_queries, keys_of(stage), kStride);
      Product::template rows_times_rows<kKeys, HeadDim>(slopes, own_gradients, values_of(stage), kStride);
      const VisiblePiece piece = walk.piece();
      DROVER_UNROLL
      for (int j = 0; j < kKeys / 8; ++j) {
        DROVER_UNROLL
        for (int i = 0; i < 4; ++i) {
          const bool visible = is_visible(piece, token[i / 2], walk.key() + j * 8 + column_of_lane() + i % 2, inputs.window);
          const float weight = visible ? exp2f(weights[j][i] * inputs.scale * kLog2OfE - log_sum_exp[i / 2]) : 0.0F;
          slopes[j][i] = weight * (slopes[j][i] - delta[i / 2]);
        }
      }
      Product::template weights_times_rows<HeadDim, kKeys>(result, slopes, keys_of(stage), kStride, scratch);
    }
    block_barrier();
    walk = following;
  }
  wait_for_copies<0>();
  DROVER_UNROLL
  for (int half = 0; half < 2; ++half) {
    const int row = warp * 16 + row_of_lane() + 8 * half;
    if (!rows.holds(row)) continue;
    store_rows<Element, HeadDim>(static_cast<Element*>(arguments.query_gradient) + rows.pair_of(row) * inputs.head_dim, inputs.head_dim, result, half, inputs.scale);
  }
}

/// Walks over the queries that see some key of an item, at most `step` tokens at a time.
class QueryWalk {
 public:
  DROVER_DEVICE QueryWalk(const VisiblePiece* pieces, const KeyItem& item, int window, int step)
      : pieces_(pieces), window_(window), step_(step), key_begin_(item.key_begin), key_end_(item.key_end), index_(item.piece_begin), end_(item.piece_end) {
    begin_piece();
  }
  DROVER_DEVICE bool at_end() const { return index_ >= end_; }
  DROVER_DEVICE void next() {
    token_ += step_;
    if (token_ < limit_) return;
    ++index_;
    begin_piece();
  }
  DROVER_DEVICE int token() const { return token_; }
  DROVER_DEVICE int tokens() const { return limit_ - token_ < step_ ? limit_ - token_ : step_; }
  DROVER_DEVICE const VisiblePiece& piece() const { return pieces_[index_]; }

 private:
  DROVER_DEVICE void begin_piece() {
    for (; index_ < end_; ++index_) {
      const VisiblePiece& seen = piece();
      const int first = key_begin_ > seen.key_begin ? key_begin_ : seen.key_begin;
      const int last = (key_end_ < seen.key_end ? key_end_ : seen.key_end) - 1;
      if (first > last) continue;
      int before = first - seen.key_begin - seen.diagonal;  // queries in front of the first key
      if (before < 0) before = 0;
      token_ = seen.query_begin + before;
      const int reach = last - seen.key_begin - seen.diagonal + window_;
      const int length = seen.query_end - seen.query_begin;
      limit_ = seen.query_begin + (reach < length ? reach : length);
      if (token_ < limit_) return;
    }
  }

  const VisiblePiece* pieces_;
  int window_, step_, key_begin_, key_end_, index_, end_;
  int token_ = 0, limit_ = 0;
};

/// One block: dK and dV of one key item for one key-value head, summed over the query heads that share it.
template <class Element, int HeadDim>
DROVER_KERNEL((BackwardLayout<Element, HeadDim>::kThreads)) attend_key_gradients(AttentionBackward arguments) {
  using Layout = BackwardLayout<Element, HeadDim>;
  using Product = WarpProduct<Element>;
  constexpr int kStride = kTileStride<Element, HeadDim>;
  constexpr int kQueries = Layout::kOther;
  const AttentionInputs& inputs = arguments.inputs;
  const KeyItem item = arguments.key_items[block_x()];
  const int kv_head = block_y();
  const int warp = thread_index() / kWarpThreads;

  unsigned char* const memory = shared_memory();
  auto* const keys = reinterpret_cast<Element*>(memory);
  auto* const values = reinterpret_cast<Element*>(memory + Layout::kOwnBytes);
  auto* const tiles = reinterpret_cast<Element*>(memory + 2 * Layout::kOwnBytes);
  unsigned char* const behind = memory + 2 * Layout::kOwnBytes + 4 * Layout::kOtherBytes;
  auto* const scratch = reinterpret_cast<float*>(behind) + warp * Layout::kScratch;
  auto* const columns = reinterpret_cast<float*>(behind + Layout::kScratchBytes);
  const auto queries_of = [&](int stage) { return tiles + 2 * stage * kQueries * kStride; };
  const auto gradients_of = [&](int stage) { return queries_of(stage) + kQueries * kStride; };
  const auto logs_of = [&](int stage) { return columns + 2 * stage * kQueries; };
  const auto deltas_of = [&](int stage) { return logs_of(stage) + kQueries; };
  const auto copy_step = [&](const QueryWalk& walk, int stage) {
    const QueryRows rows(inputs, walk.token(), walk.tokens(), kv_head);
    copy_queries_async<Element, HeadDim, kQueries, Layout::kThreads>(queries_of(stage), rows, inputs.head_dim, inputs.queries);
    copy_queries_async<Element, HeadDim, kQueries, Layout::kThreads>(gradients_of(stage), rows, inputs.head_dim, arguments.output_gradient);
    for (int row = thread_index(); row < kQueries; row += Layout::kThreads) {
      logs_of(stage)[row] = rows.holds(row) ? arguments.log_sum_exp[rows.pair_of(row)] * kLog2OfE : 0.0F;
      deltas_of(stage)[row] = rows.holds(row) ? arguments.delta[rows.pair_of(row)] : 0.0F;
    }
  };

  QueryWalk walk(arguments.key_pieces, item, inputs.window, kQueries / inputs.group());
  const VisiblePiece own_keys{.query_begin = 0, .query_end = 0, .key_begin = item.key_begin, .key_end = item.key_end};
  copy_keys_async<Element, HeadDim, Layout::kOwn, Layout::kThreads>(keys, inputs, inputs.keys, own_keys, item.key_begin, kv_head);
  copy_keys_async<Element, HeadDim, Layout::kOwn, Layout::kThreads>(values, inputs, inputs.values, own_keys, item.key_begin, kv_head);
  if (!walk.at_end()) copy_step(walk, 0);
  commit_copies();
  const typename Product::Rows rows_of_keys{keys + warp * 16 * kStride, kStride};
  const typename Product::Rows rows_of_values{values + warp * 16 * kStride, kStride};
  const int own_key[2] = {item.key_begin + warp * 16 + row_of_lane(), item.key_begin + warp * 16 + row_of_lane() + 8};
  const bool has_rows = item.key_begin + warp * 16 < item.key_end;

  float key_result[HeadDim / 8][4], value_result[HeadDim / 8][4];
  clear(key_result);
  clear(value_result);
  for (int stage = 0; !walk.at_end(); stage ^= 1) {
    QueryWalk following = walk;
    following.next();
    if (!following.at_end()) copy_step(following, stage ^ 1);
    commit_copies();
    wait_for_copies<1>();
    block_barrier();
    if (has_rows) {
      float weights[kQueries / 8][4], slopes[kQueries / 8][4];
      clear(weights);
      clear(slopes);
      Product::template rows_times_rows<kQueries, HeadDim>(weights, rows_of_keys, queries_of(stage), kStride);
      Product::template rows_times_rows<kQueries, HeadDim>(slopes, rows_of_values, gradients_of(stage), kStride);
      const VisiblePiece piece = walk.piece();
      const QueryRows rows(inputs, walk.token(), walk.tokens(), kv_head);
      DROVER_UNROLL
      for (int j = 0; j < kQueries / 8; ++j) {
        DROVER_UNROLL
        for (int i = 0; i < 4; ++i) {
          const int row = j * 8 + column_of_lane() + i % 2;
          const bool visible = rows.holds(row) && own_key[i / 2] < item.key_end &&
                               is_visible(piece, rows.token_begin + rows.token_of(row), own_key[i / 2], inputs.window);
          weights[j][i] = visible ? exp2f(weights[j][i] * inputs.scale * kLog2OfE - logs_of(stage)[row]) : 0.0F;
          slopes[j][i] = weights[j][i] * (slopes[j][i] - deltas_of(stage)[row]);
        }
      }
      Product::template weights_times_rows<HeadDim, kQueries>(value_result, weights, gradients_of(stage), kStride, scratch);
      Product::template weights_times_rows<HeadDim, kQueries>(key_result, slopes, queries_of(stage), kStride, scratch);
    }
    block_barrier();
    walk = following;
  }
  wait_for_copies<0>();
  DROVER_UNROLL
  for (int half = 0; half < 2; ++half) {
    if (own_key[half] >= item.key_end) continue;
    const std::int64_t place = (static_cast<std::int64_t>(own_key[half]) * inputs.kv_heads + kv_head) * inputs.head_dim;
    store_rows<Element, HeadDim>(static_cast<Element*>(arguments.key_gradient) + place, inputs.head_dim, key_result, half, inputs.scale);
    store_rows<Element, HeadDim>(static_cast<Element*>(arguments.value_gradient) + place, inputs.head_dim, value_result, half, 1.0F);
  }
}

}  // namespace drover::model::DROVER_DEVICE_NAMESPACE
