#pragma once

// Attention between blocks of 64 queries and 64 keys, forward and backward. Included by the files that are compiled for one instruction
// set each.

#include "model/packed/pairs_body.h"
#include "model/packed/tile_product_body.h"

namespace drover::model {
namespace {

inline constexpr std::int64_t kRoundKeys = kBlocksOfARound * kBlockTokens;
inline constexpr float kHidden = -1e38F;  // so far below kNothingSeen, scaled too, that its exponential is 0

// Turns a row's scores of a round into weights relative to its new largest score, and scales what was summed before.
template <typename Element>
DROVER_INLINE void weigh(float* scores, std::int64_t count, float scale, std::int64_t head_dim, Element* weights, float& largest, float& sum,
                         float* weighted) {
  F16 top = all(largest);
  for (std::int64_t i = 0; i < count; i += kLanes) {
    const F16 score = load(scores + i) * all(scale);
    store(scores + i, score);
    top = larger(top, score);
  }
  const float now = largest_of(top);
  F16 added = all(0.0F);
  for (std::int64_t i = 0; i < count; i += kLanes) {
    const F16 weight = exp(load(scores + i) - all(now));
    added += weight;
    store(weights + i, weight);
  }
  if (now != largest) {
    const float faded = exp(all(largest - now))[0];
    sum *= faded;
    for (std::int64_t i = 0; i < head_dim; i += kLanes) store(weighted + i, load(weighted + i) * all(faded));
    largest = now;
  }
  sum += sum_of(added);
}

template <typename Element>
void attend(const QueryTile<Element>& t) {
  constexpr std::int64_t kUnit = Dot<Element>::kPerUnit;
  float* scores = t.scratch;
  auto* weights = reinterpret_cast<Element*>(scores + kBlockTokens * kRoundKeys);
  float* weighted = scores + 2 * kBlockTokens * kRoundKeys;
  float* largest = weighted + kBlockTokens * t.head_dim;
  float* sums = largest + kBlockTokens;
  for (std::int64_t i = 0; i < kBlockTokens * t.head_dim; i += kLanes) store(weighted + i, all(0.0F));
  for (std::int64_t r = 0; r < kBlockTokens; ++r) {
    largest[r] = kNothingSeen;
    sums[r] = 0.0F;
  }
  for (std::int64_t first = 0; first < t.num_blocks; first += kBlocksOfARound) {
    const std::int64_t blocks = t.num_blocks - first < kBlocksOfARound ? t.num_blocks - first : kBlocksOfARound;
    for (std::int64_t j = 0; j < blocks; ++j) {
      TileProduct<Element> product;
      product.a = t.queries;
      product.a_row = t.query_row;
      product.a_unit = kUnit;
      product.rows = t.rows;
      product.b = t.keys + t.blocks[first + j] * kBlockTokens * t.head_dim;
      product.b_unit = kBlockTokens * kUnit;
      product.panels = 1;
      product.units = t.head_dim / kUnit;
      product.out = scores + j * kBlockTokens;
      product.out_row = kRoundKeys;
      multiply(product);
    }
    for (std::int64_t r = 0; r < t.rows; ++r) {
      float* row = scores + r * kRoundKeys;
      for (std::int64_t j = 0; j < blocks; ++j) {
        const std::int64_t at = (first + j) * kBlockTokens + r;
        for (std::int32_t i = 0; i < t.begins[at]; ++i) row[j * kBlockTokens + i] = kHidden;
        for (std::int32_t i = t.ends[at]; i < kBlockTokens; ++i) row[j * kBlockTokens + i] = kHidden;
      }
      weigh(row, blocks * kBlockTokens, t.scale, t.head_dim, weights + r * kRoundKeys, largest[r], sums[r], weighted + r * t.head_dim);
    }
    for (std::int64_t j = 0; j < blocks; ++j) {
      TileProduct<Element> product;
      product.a = weights + j * kBlockTokens;
      product.a_row = kRoundKeys;
      product.a_unit = kUnit;
      product.rows = t.rows;
      product.b = t.values + t.blocks[first + j] * kBlockTokens * t.head_dim;
      product.b_panel = kPanelColumns * kUnit;
      product.b_unit = t.head_dim * kUnit;
      product.panels = t.head_dim / kPanelColumns;
      product.units = kBlockTokens / kUnit;
      product.end = TileEnd::kAdd;
      product.out = weighted;
      product.out_row = t.head_dim;
      multiply(product);
    }
  }
  for (std::int64_t r = 0; r < t.rows; ++r) {
    const F16 factor = all(1.0F / sums[r]);
    for (std::int64_t i = 0; i < t.head_dim; i += kLanes) store(t.out + r * t.query_row + i, load(weighted + r * t.head_dim + i) * factor);
    t.log_sums[r] = largest[r] + __builtin_logf(sums[r]);
  }
}

DROVER_INLINE F16 shown(F16 x, std::int32_t key, std::int32_t begin, std::int32_t end) {
  const I16 keys = I16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} + key;
  return select((I16)((keys >= begin) & (keys < end)), x, all(0.0F));
}

// Weights of a row of scores and the gradients of the scores, from those of the weights.
template <typename Element>
DROVER_INLINE void weights_and_gradients(const BlockPair<Element>& p, std::int64_t row, std::int64_t key, const float* scores,
                                         const float* weight_gradients, F16& weight, F16& gradient) {
  const std::int64_t at = row * kBlockTokens + key;
  weight = exp(load(scores + at) * all(p.scale) - all(p.log_sums[row]));
  if (p.begins[row] > 0 || p.ends[row] < kBlockTokens) weight = shown(weight, static_cast<std::int32_t>(key), p.begins[row], p.ends[row]);
  gradient = weight * (load(weight_gradients + at) - all(p.dots[row])) * all(p.scale);
}

// One of the five products of the backward pass; the fields that all share.
template <typename Element>
DROVER_INLINE TileProduct<Element> product_over_block(const BlockPair<Element>& p, const Element* a, std::int64_t a_row, std::int64_t a_unit,
                                                      std::int64_t rows, const Element* b, std::int64_t units, float* out,
                                                      std::int64_t out_row) {
  constexpr std::int64_t kUnit = Dot<Element>::kPerUnit;
  TileProduct<Element> product;
  product.a = a;
  product.a_row = a_row;
  product.a_unit = a_unit;
  product.rows = rows;
  product.b = b;
  product.b_panel = kPanelColumns * kUnit;
  product.b_unit = p.head_dim * kUnit;
  product.panels = p.head_dim / kPanelColumns;
  product.units = units;
  product.end = TileEnd::kAdd;
  product.out = out;
  product.out_row = out_row;
  return product;
}

template <typename Element>
void attend_backward(const BlockPair<Element>& p) {
  constexpr std::int64_t kUnit = Dot<Element>::kPerUnit;
  constexpr std::int64_t kSquare = kBlockTokens * kBlockTokens;
  float* scores = p.scratch;
  float* weight_gradients = scores + kSquare;
  auto* weight_pairs = reinterpret_cast<Element*>(weight_gradients + kSquare);
  Element* gradient_pairs = weight_pairs + kSquare;
  Element* gradient_rows = gradient_pairs + kSquare;

  TileProduct<Element> product;
  product.a = p.queries;
  product.a_row = p.query_row;
  product.a_unit = kUnit;
  product.rows = p.rows;
  product.b = p.keys;
  product.b_unit = kBlockTokens * kUnit;
  product.panels = 1;
  product.units = p.head_dim / kUnit;
  product.out = scores;
  product.out_row = kBlockTokens;
  multiply(product);
  product.a = p.out_gradients;
  product.b = p.values;
  product.out = weight_gradients;
  multiply(product);

  for (std::int64_t row = 0; row < p.rows; row += kUnit) {
    for (std::int64_t key = 0; key < kBlockTokens; key += kLanes) {
      F16 weight[2], gradient[2] = {all(0.0F), all(0.0F)};
      weight[1] = all(0.0F);
      for (std::int64_t i = 0; i < kUnit && row + i < p.rows; ++i) {
        weights_and_gradients(p, row + i, key, scores, weight_gradients, weight[i], gradient[i]);
        store(gradient_rows + (row + i) * kBlockTokens + key, gradient[i]);
      }
      store_pair(weight_pairs + row * kBlockTokens + key * kUnit, weight[0], weight[1]);
      store_pair(gradient_pairs + row * kBlockTokens + key * kUnit, gradient[0], gradient[1]);
    }
  }

  const std::int64_t query_units = (p.rows + kUnit - 1) / kUnit;
  multiply(product_over_block(p, weight_pairs, kUnit, kBlockTokens * kUnit, kBlockTokens, p.out_gradient_pairs, query_units,
                              p.value_gradients, p.head_dim));
  multiply(product_over_block(p, gradient_pairs, kUnit, kBlockTokens * kUnit, kBlockTokens, p.query_pairs, query_units, p.key_gradients,
                              p.head_dim));
  multiply(product_over_block(p, gradient_rows, kBlockTokens, kUnit, p.rows, p.key_pairs, kBlockTokens / kUnit, p.query_gradients,
                              p.query_gradient_row));
}

}  // namespace
}  // namespace drover::model
