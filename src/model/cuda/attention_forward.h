#pragma once

#include "model/cuda/attention_tiles_in_shared.h"

namespace drover::model::DROVER_DEVICE_NAMESPACE {

template <class Element, int HeadDim>
struct ForwardLayout {
  using Sizes = TileSizes<Element>;
  static constexpr int kThreads = Sizes::kWarps * kWarpThreads;
  static constexpr int kRows = Sizes::kWarps * 16;
  static constexpr int kKeys = Sizes::kForwardKeys;
  static constexpr int kScratch = WarpProduct<Element>::scratch_floats(kKeys);
  static constexpr int kQueryBytes = tile_bytes<Element, HeadDim>(kRows);
  static constexpr int kKeyBytes = tile_bytes<Element, HeadDim>(kKeys);
  static constexpr int kSharedBytes = kQueryBytes + 4 * kKeyBytes + Sizes::kWarps * kScratch * static_cast<int>(sizeof(float));
};

inline constexpr float kLog2OfE = 1.4426950408889634F;

/// Online softmax of a warp's 16 rows (Milakov and Gimelshein 2018; Dao et al. 2022): largest score and sum of the rows g and g + 8.
struct RunningSoftmax {
  float largest[2] = {-INFINITY, -INFINITY};  // in units of log 2
  float sum[2] = {0.0F, 0.0F};                // of this lane's columns only

  /// Turns scores (-infinity: hidden), times `scale` in units of log 2, into weights; what earlier results have to be multiplied with.
  template <int Columns>
  DROVER_DEVICE void weigh(float (&scores)[Columns][4], float scale, float (&correction)[2]) {
    DROVER_UNROLL
    for (int half = 0; half < 2; ++half) {
      float most = -INFINITY;
      DROVER_UNROLL
      for (int j = 0; j < Columns; ++j) most = fmaxf(most, fmaxf(scores[j][2 * half], scores[j][2 * half + 1]));
      const float after = fmaxf(largest[half], max_of_lanes<4>(most) * scale);
      const float base = after == -INFINITY ? 0.0F : after;  // a row that has seen nothing yet
      correction[half] = exp2f(largest[half] - base);
      largest[half] = after;
      sum[half] *= correction[half];
      DROVER_UNROLL
      for (int j = 0; j < Columns; ++j) {
        DROVER_UNROLL
        for (int i = 2 * half; i < 2 * half + 2; ++i) {
          scores[j][i] = exp2f(scores[j][i] * scale - base);
          sum[half] += scores[j][i];
        }
      }
    }
  }
};

/// One block: the queries of one item for one key-value head, over all keys that its pieces show. Keys and values come in steps, the next
/// one while the last is computed. A warp whose 16 rows are all empty only helps to copy.
template <class Element, int HeadDim>
DROVER_KERNEL((ForwardLayout<Element, HeadDim>::kThreads)) attend_forward(AttentionForward arguments) {
  using Layout = ForwardLayout<Element, HeadDim>;
  using Product = WarpProduct<Element>;
  constexpr int kStride = kTileStride<Element, HeadDim>;
  constexpr int kKeys = Layout::kKeys;
  const AttentionInputs& inputs = arguments.inputs;
  const AttentionItem item = arguments.items[block_x()];
  const int kv_head = block_y();
  const int warp = thread_index() / kWarpThreads;
  const QueryRows rows(inputs, item.token_begin, item.token_end - item.token_begin, kv_head);

  auto* const queries = reinterpret_cast<Element*>(shared_memory());
  auto* const tiles = reinterpret_cast<Element*>(shared_memory() + Layout::kQueryBytes);
  auto* const scratch = reinterpret_cast<float*>(shared_memory() + Layout::kQueryBytes + 4 * Layout::kKeyBytes) + warp * Layout::kScratch;
  const auto keys_of = [&](int stage) { return tiles + 2 * stage * kKeys * kStride; };
  const auto values_of = [&](int stage) { return keys_of(stage) + kKeys * kStride; };
  const auto copy_step = [&](const KeyWalk<kKeys>& walk, int stage) {
    copy_keys_async<Element, HeadDim, kKeys, Layout::kThreads>(keys_of(stage), inputs, inputs.keys, walk.piece(), walk.key(), kv_head);
    copy_keys_async<Element, HeadDim, kKeys, Layout::kThreads>(values_of(stage), inputs, inputs.values, walk.piece(), walk.key(), kv_head);
  };

  KeyWalk<kKeys> walk(inputs, item);
  copy_queries_async<Element, HeadDim, Layout::kRows, Layout::kThreads>(queries, rows, inputs.head_dim, inputs.queries);
  if (!walk.at_end()) copy_step(walk, 0);
  commit_copies();
  wait_for_copies<0>();
  block_barrier();
  const typename Product::template HeldRows<HeadDim> held(typename Product::Rows{queries + warp * 16 * kStride, kStride});

  const bool has_rows = rows.holds(warp * 16);
  const int token[2] = {item.token_begin + rows.token_of(warp * 16 + row_of_lane()), item.token_begin + rows.token_of(warp * 16 + row_of_lane() + 8)};
  float output[HeadDim / 8][4];
  clear(output);
  RunningSoftmax softmax;
  for (int stage = 0; !walk.at_end(); stage ^= 1) {
    KeyWalk<kKeys> following = walk;
    following.next();
    if (!following.at_end()) copy_step(following, stage ^ 1);
    commit_copies();
    wait_for_copies<1>();
    block_barrier();
    if (has_rows) {
      float scores[kKeys / 8][4];
      clear(scores);
      Product::template rows_times_rows<kKeys, HeadDim>(scores, held, keys_of(stage), kStride);
      if (!walk.all_visible()) {
        const VisiblePiece piece = walk.piece();
        DROVER_UNROLL
        for (int j = 0; j < kKeys / 8; ++j) {
          DROVER_UNROLL
          for (int i = 0; i < 4; ++i) {
            if (!is_visible(piece, token[i / 2], walk.key() + j * 8 + column_of_lane() + i % 2, inputs.window)) scores[j][i] = -INFINITY;
          }
        }
      }
      float correction[2];
      softmax.weigh(scores, inputs.scale * kLog2OfE, correction);
      DROVER_UNROLL
      for (int j = 0; j < HeadDim / 8; ++j) {
        DROVER_UNROLL
        for (int i = 0; i < 4; ++i) output[j][i] *= correction[i / 2];
      }
      Product::template weights_times_rows<HeadDim, kKeys>(output, scores, values_of(stage), kStride, scratch);
    }
    block_barrier();  // before the tiles are written again
    walk = following;
  }

  DROVER_UNROLL
  for (int half = 0; half < 2; ++half) {
    const float sum = sum_of_lanes<4>(softmax.sum[half]);
    const int row = warp * 16 + row_of_lane() + 8 * half;
    if (!rows.holds(row)) continue;
    const float inverse = sum > 0.0F ? 1.0F / sum : 0.0F;
    const float log_sum_exp = sum > 0.0F ? (softmax.largest[half] + log2f(sum)) / kLog2OfE : -INFINITY;
    const std::int64_t pair = rows.pair_of(row);
    const std::int64_t partial_pair = pair + static_cast<std::int64_t>(item.partial - item.token_begin) * inputs.heads;
    float* const log_place = item.partial >= 0 ? arguments.partial_log_sum_exp + partial_pair : arguments.log_sum_exp == nullptr ? nullptr : arguments.log_sum_exp + pair;
    if (log_place != nullptr && column_of_lane() == 0) *log_place = log_sum_exp;
    DROVER_UNROLL
    for (int j = 0; j < HeadDim / 8; ++j) {
      const int column = j * 8 + column_of_lane();
      if (column >= inputs.head_dim) continue;
      const float first = output[j][2 * half] * inverse, second = output[j][2 * half + 1] * inverse;
      if (item.partial >= 0) store_pair(arguments.partial_outputs + partial_pair * inputs.head_dim + column, first, second);
      else store_pair(static_cast<Element*>(arguments.output) + pair * inputs.head_dim + column, first, second);
    }
  }
}

inline constexpr int kMergeThreads = 128;

/// One warp a token and head.
template <class Element>
DROVER_KERNEL(kMergeThreads) merge_partial(AttentionMerge arguments) {
  const int index = block_x() * (kMergeThreads / kWarpThreads) + thread_index() / kWarpThreads;
  if (index >= arguments.num_tokens * arguments.heads) return;
  const MergedToken merged = arguments.tokens[index / arguments.heads];
  const int head = index % arguments.heads;
  const auto pair_of = [&](int part) { return static_cast<std::int64_t>(arguments.parts[part]) * arguments.heads + head; };
  float largest = -INFINITY;
  for (int part = merged.part_begin; part < merged.part_end; ++part) largest = fmaxf(largest, arguments.partial_log_sum_exp[pair_of(part)]);
  const float base = largest == -INFINITY ? 0.0F : largest;
  float total = 0.0F;
  for (int part = merged.part_begin; part < merged.part_end; ++part) total += expf(arguments.partial_log_sum_exp[pair_of(part)] - base);
  const float inverse = total > 0.0F ? 1.0F / total : 0.0F;
  auto* const output = static_cast<Element*>(arguments.output) + (static_cast<std::int64_t>(merged.token) * arguments.heads + head) * arguments.head_dim;
  for (int column = thread_index() % kWarpThreads; column < arguments.head_dim; column += kWarpThreads) {
    float sum = 0.0F;
    for (int part = merged.part_begin; part < merged.part_end; ++part) {
      const std::int64_t pair = pair_of(part);
      sum += expf(arguments.partial_log_sum_exp[pair] - base) * arguments.partial_outputs[pair * arguments.head_dim + column];
    }
    store(output + column, sum * inverse);
  }
}

}  // namespace drover::model::DROVER_DEVICE_NAMESPACE
