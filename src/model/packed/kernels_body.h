#pragma once

// The kernels' code. Included once by each kernels_*.cc, which is compiled for one instruction set and defines DROVER_KERNELS_NAME.

#include "base/simd.h"
#include "model/packed/dot.h"
#include "model/packed/kernels.h"

namespace drover::model {
namespace {

using namespace base::simd;

// Registers decide how many rows and vectors of a panel are summed at once: AVX-512 has 32 vectors of 16 floats, AVX2 and the others
// 16 vectors of 8 or 4.
#if defined(__AVX512F__)
inline constexpr int kTileRows = 6;
inline constexpr int kTileVectors = 4;
inline constexpr int kAttentionRows = 12;
#else
inline constexpr int kTileRows = 4;
inline constexpr int kTileVectors = 1;
inline constexpr int kAttentionRows = 4;
#endif
inline constexpr int kPanelVectors = static_cast<int>(kPanelColumns) / kLanes;

DROVER_INLINE std::int64_t smaller_of(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

template <typename Element>
DROVER_INLINE typename Dot<Element>::Unit unit_at(const Element* from) {
  typename Dot<Element>::Unit unit;
  __builtin_memcpy(&unit, from, sizeof unit);
  return unit;
}

// Products of `Rows` rows with one panel: [Rows, 64].
template <typename Element, int Rows>
DROVER_INLINE void panel_products(const Element* a, std::int64_t a_stride, const Element* panel, std::int64_t k, const float* bias,
                                  float (*products)[kPanelColumns]) {
  constexpr int kUnit = Dot<Element>::kPerUnit;
  constexpr std::int64_t kStep = kPanelColumns * kUnit;  // elements of a panel for one unit of k
  for (int first = 0; first < kPanelVectors; first += kTileVectors) {
    F16 acc[Rows][kTileVectors];
    for (int v = 0; v < kTileVectors; ++v) {
      const F16 start = bias == nullptr ? all(0.0F) : load(bias + (first + v) * kLanes);
      for (int r = 0; r < Rows; ++r) acc[r][v] = start;
    }
    const Element* b = panel + first * kLanes * kUnit;
    for (std::int64_t unit = 0; unit < k / kUnit; ++unit, b += kStep) {
      constexpr std::int64_t kAhead = 40;  // steps that memory is asked ahead: 8 leave a seventh of its rate unused at one row
      for (int v = 0; v < kTileVectors; ++v) __builtin_prefetch(b + kAhead * kStep + v * kLanes * kUnit, 0, 3);
      typename Dot<Element>::Vector columns[kTileVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kTileVectors; ++v) columns[v] = Dot<Element>::load(b + v * kLanes * kUnit);
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r) {
        const auto x = Dot<Element>::spread(unit_at<Element>(a + r * a_stride + unit * kUnit));
#pragma GCC unroll 4
        for (int v = 0; v < kTileVectors; ++v) acc[r][v] = Dot<Element>::add(acc[r][v], columns[v], x);
      }
    }
    for (int r = 0; r < Rows; ++r) {
      for (int v = 0; v < kTileVectors; ++v) store(&products[r][(first + v) * kLanes], acc[r][v]);
    }
  }
}

// Numbers of a panel from whole numbers; all of -127 .. 127 are exact in bfloat16.
template <typename Element>
void widen_panel(const std::int8_t* from, std::int64_t count, Element* to) {
  using I8 = std::int8_t __attribute__((vector_size(16)));
  for (std::int64_t i = 0; i < count; i += kLanes) {
    I8 narrow;
    __builtin_memcpy(&narrow, from + i, sizeof narrow);
    store(to + i, __builtin_convertvector(__builtin_convertvector(narrow, I16), F16));
  }
}

// Whole numbers were multiplied: brings the products to scale, then adds the bias.
template <typename Element>
void scale_products(const Multiplication<Element>& m, std::int64_t panel, int rows, float (*products)[kPanelColumns]) {
  const float* scales = m.scales + panel * kPanelColumns;
  for (int r = 0; r < rows; ++r) {
    for (int i = 0; i < kPanelColumns; i += kLanes) {
      F16 product = load(&products[r][i]) * load(scales + i);
      if (m.bias != nullptr) product += load(m.bias + panel * kPanelColumns + i);
      store(&products[r][i], product);
    }
  }
}

template <typename Element>
void finish_tile(const Multiplication<Element>& m, std::int64_t panel, std::int64_t row, int rows, const float (*products)[kPanelColumns]) {
  for (int r = 0; r < rows; ++r) {
    if (m.epilogue == Epilogue::kSwiGlu) {
      Element* out = m.gated + (row + r) * m.out_stride + panel * (kPanelColumns / 2);
      for (int i = 0; i < kPanelColumns / 2; i += kLanes) {
        const F16 gate = load(&products[r][i]);
        const F16 up = load(&products[r][i + kPanelColumns / 2]);
        store(out + i, gate / (all(1.0F) + exp(-gate)) * up);
      }
      continue;
    }
    float* out = (m.out_rows != nullptr ? m.out_rows[row + r] : m.out + (row + r) * m.out_stride) + panel * kPanelColumns;
    const std::int64_t valid = smaller_of(kPanelColumns, m.columns - panel * kPanelColumns);
    if (valid < kPanelColumns) {
      for (std::int64_t i = 0; i < valid; ++i) out[i] = m.epilogue == Epilogue::kAdd ? out[i] + products[r][i] : products[r][i];
    } else {
      for (int i = 0; i < kPanelColumns; i += kLanes) {
        const F16 product = load(&products[r][i]);
        store(out + i, m.epilogue == Epilogue::kAdd ? load(out + i) + product : product);
      }
    }
  }
}

template <typename Element, int Rows>
void multiply_tile(const Multiplication<Element>& m, const Element* weights, std::int64_t panel, std::int64_t row) {
  alignas(64) float products[Rows][kPanelColumns];
  const bool is_scaled = m.int8_weights != nullptr;
  panel_products<Element, Rows>(m.a + row * m.a_stride, m.a_stride, weights, m.k,
                                m.bias == nullptr || is_scaled ? nullptr : m.bias + panel * kPanelColumns, products);
  if (is_scaled) scale_products(m, panel, Rows, products);
  finish_tile(m, panel, row, Rows, products);
}

template <typename Element>
std::int64_t tiles_of_a_panel(const Multiplication<Element>& m) {
  return (m.rows + kTileRows - 1) / kTileRows;
}

template <typename Element>
std::int64_t tiles(const Multiplication<Element>& m) {
  return m.panels() * tiles_of_a_panel(m);
}

template <typename Element>
void multiply(const Multiplication<Element>& m, std::int64_t begin, std::int64_t end, Element* widened) {
  // Tiles count down a panel, so that its weights are read once; rows are spread evenly over them.
  const std::int64_t per_panel = tiles_of_a_panel(m);
  std::int64_t widened_panel = -1;
  for (std::int64_t tile = begin; tile < end; ++tile) {
    const std::int64_t panel = tile / per_panel;
    const std::int64_t number = tile % per_panel;
    const std::int64_t row = number * m.rows / per_panel;
    const Element* weights = widened;
    if (m.int8_weights == nullptr) {
      weights = m.weights + panel * kPanelColumns * m.k;
    } else {
      if (panel != widened_panel) widen_panel(m.int8_weights + panel * kPanelColumns * m.k, kPanelColumns * m.k, widened);
      widened_panel = panel;
    }
    switch ((number + 1) * m.rows / per_panel - row) {
      case 1: multiply_tile<Element, 1>(m, weights, panel, row); break;
      case 2: multiply_tile<Element, 2>(m, weights, panel, row); break;
      case 3: multiply_tile<Element, 3>(m, weights, panel, row); break;
#if defined(__AVX512F__)
      case 4: multiply_tile<Element, 4>(m, weights, panel, row); break;
      case 5: multiply_tile<Element, 5>(m, weights, panel, row); break;
#endif
      default: multiply_tile<Element, kTileRows>(m, weights, panel, row); break;
    }
  }
}

inline constexpr std::int64_t kPagesOfARound = kRoundTokens / kPageTokens;
inline constexpr float kUnseen = -2e30F;  // so far below kNothingSeen that its exponential is 0

// The scores of a round: [Rows, 128].
template <typename Element, int Rows>
DROVER_INLINE void round_scores(const AttentionRounds<Element>& w, std::int64_t first_row, const Element* const* keys, int pages,
                                float (*scores)[kRoundTokens]) {
  constexpr int kUnit = Dot<Element>::kPerUnit;
  constexpr int kVectors = static_cast<int>(kPageTokens) / kLanes;
  const F16 scale = all(w.scale);
  for (int page = 0; page < pages; ++page) {
    F16 acc[Rows][kVectors];
    for (int r = 0; r < Rows; ++r) {
      for (int v = 0; v < kVectors; ++v) acc[r][v] = all(0.0F);
    }
    const Element* key = keys[page];
    const Element* next = keys[page + 1 < pages ? page + 1 : page];  // pages lie apart: the processor cannot guess where it goes on
    const Element* query = w.queries + first_row * w.head_dim;
    for (std::int64_t unit = 0; unit < w.head_dim / kUnit; ++unit, key += kPageTokens * kUnit, query += kUnit) {
      typename Dot<Element>::Vector columns[kVectors];
      for (int v = 0; v < kVectors; ++v) {
        columns[v] = Dot<Element>::load(key + v * kLanes * kUnit);
        __builtin_prefetch(next + (unit * kVectors + v) * kLanes * kUnit, 0, 3);
      }
#pragma GCC unroll 12
      for (int r = 0; r < Rows; ++r) {
        const auto x = Dot<Element>::spread(unit_at<Element>(query + r * w.head_dim));
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) acc[r][v] = Dot<Element>::add(acc[r][v], columns[v], x);
      }
    }
    for (int r = 0; r < Rows; ++r) {
      for (int v = 0; v < kVectors; ++v) store(&scores[r][page * kPageTokens + v * kLanes], acc[r][v] * scale);
    }
  }
}

// Turns a row's scores into weights relative to its new largest score, and scales what was summed before.
template <typename Element>
DROVER_INLINE void round_weights(const AttentionRounds<Element>& w, std::int64_t row, std::int64_t position, std::int64_t count,
                                 float* scores, Element* weights) {
  for (std::int64_t t = 0; t < smaller_of(w.begins[row] - position, count); ++t) scores[t] = kUnseen;
  const std::int64_t seen = w.ends[row] - position;
  for (std::int64_t t = seen < 0 ? 0 : seen; t < count; ++t) scores[t] = kUnseen;
  F16 top = all(w.largest[row]);
  for (std::int64_t t = 0; t < count; t += kLanes) top = larger(top, load(scores + t));
  const float largest = largest_of(top);
  F16 sum = all(0.0F);
  for (std::int64_t t = 0; t < count; t += kLanes) {
    const F16 weight = exp(load(scores + t) - all(largest));
    sum += weight;
    store(weights + t, weight);
  }
  if (largest == w.largest[row]) {  // most rounds: what was summed before keeps its scale
    w.sum[row] += sum_of(sum);
    return;
  }
  const float faded = exp(all(w.largest[row] - largest))[0];
  w.sum[row] = w.sum[row] * faded + sum_of(sum);
  w.largest[row] = largest;
  float* weighted = w.weighted + row * w.head_dim;
  for (std::int64_t i = 0; i < w.head_dim; i += kLanes) store(weighted + i, load(weighted + i) * all(faded));
}

// Adds the weighted values of a round, 32 numbers of the head at a time.
template <typename Element, int Rows>
DROVER_INLINE void add_values(const AttentionRounds<Element>& w, std::int64_t first_row, const Element* const* values, int pages,
                              const Element (*weights)[kRoundTokens]) {
  constexpr int kUnit = Dot<Element>::kPerUnit;
  constexpr int kVectors = static_cast<int>(kHeadStep) / kLanes;
  for (std::int64_t begin = 0; begin < w.head_dim; begin += kHeadStep) {
    F16 acc[Rows][kVectors];
    float* weighted = w.weighted + first_row * w.head_dim + begin;
    for (int r = 0; r < Rows; ++r) {
      for (int v = 0; v < kVectors; ++v) acc[r][v] = load(weighted + r * w.head_dim + v * kLanes);
    }
    for (int page = 0; page < pages; ++page) {
      const Element* value = values[page] + begin * kUnit;
      const Element* next = values[page + 1 < pages ? page + 1 : page] + begin * kUnit;
      for (int unit = 0; unit < kPageTokens / kUnit; ++unit, value += w.head_dim * kUnit) {
        typename Dot<Element>::Vector columns[kVectors];
        for (int v = 0; v < kVectors; ++v) {
          columns[v] = Dot<Element>::load(value + v * kLanes * kUnit);
          __builtin_prefetch(next + unit * w.head_dim * kUnit + v * kLanes * kUnit, 0, 3);
        }
#pragma GCC unroll 12
        for (int r = 0; r < Rows; ++r) {
          const auto x = Dot<Element>::spread(unit_at<Element>(&weights[r][page * kPageTokens + unit * kUnit]));
#pragma GCC unroll 2
          for (int v = 0; v < kVectors; ++v) acc[r][v] = Dot<Element>::add(acc[r][v], columns[v], x);
        }
      }
    }
    for (int r = 0; r < Rows; ++r) {
      for (int v = 0; v < kVectors; ++v) store(weighted + r * w.head_dim + v * kLanes, acc[r][v]);
    }
  }
}

template <typename Element, int Rows>
void attend_rows(const AttentionRounds<Element>& w, std::int64_t first_row) {
  alignas(64) float scores[Rows][kRoundTokens];
  alignas(64) Element weights[Rows][kRoundTokens];
  for (std::int64_t round = w.first_round; round < w.last_round; ++round) {
    const Element* keys[kPagesOfARound];
    const Element* values[kPagesOfARound];
    const int pages = static_cast<int>(smaller_of(kPagesOfARound, w.num_pages - round * kPagesOfARound));
    for (int i = 0; i < pages; ++i) {
      const std::int64_t offset = static_cast<std::int64_t>(w.pages[round * kPagesOfARound + i]) * w.page_stride;
      keys[i] = w.keys + offset;
      values[i] = w.values + offset;
    }
    round_scores<Element, Rows>(w, first_row, keys, pages, scores);
    for (int r = 0; r < Rows; ++r) {
      round_weights(w, first_row + r, round * kRoundTokens, pages * kPageTokens, scores[r], weights[r]);
    }
    add_values<Element, Rows>(w, first_row, values, pages, weights);
  }
}

template <typename Element>
void attend(const AttentionRounds<Element>& w) {
  for (std::int64_t row = 0; row < w.rows; row += kAttentionRows) {
    switch (smaller_of(kAttentionRows, w.rows - row)) {
      case 1: attend_rows<Element, 1>(w, row); break;
      case 2: attend_rows<Element, 2>(w, row); break;
      case 3: attend_rows<Element, 3>(w, row); break;
#if defined(__AVX512F__)
      case 4: attend_rows<Element, 4>(w, row); break;
      case 5: attend_rows<Element, 5>(w, row); break;
      case 6: attend_rows<Element, 6>(w, row); break;
      case 7: attend_rows<Element, 7>(w, row); break;
      case 8: attend_rows<Element, 8>(w, row); break;
      case 9: attend_rows<Element, 9>(w, row); break;
      case 10: attend_rows<Element, 10>(w, row); break;
      case 11: attend_rows<Element, 11>(w, row); break;
#endif
      default: attend_rows<Element, kAttentionRows>(w, row); break;
    }
  }
}

DROVER_INLINE BFloat16 rounded(float x, BFloat16 /*as*/) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  if (x != x) return BFloat16{0x7FC0};
  return static_cast<BFloat16>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}
DROVER_INLINE float rounded(float x, float /*as*/) { return x; }

inline constexpr std::int64_t kLargestHead = 1024;

// Scales by RMSNorm when there is a weight, then rotates the halves of a head: pairs are (i, i + head_dim / 2).
template <typename Element>
DROVER_INLINE void rotate(const TokenInput<Element>& token, const float* x, const float* norm, float* out) {
  alignas(64) float scaled[kLargestHead];
  if (norm != nullptr) {
    float squares = 0.0F;
    for (std::int64_t i = 0; i < token.head_dim; ++i) squares += x[i] * x[i];
    const float factor = 1.0F / __builtin_sqrtf(squares / static_cast<float>(token.head_dim) + token.norm_eps);
    for (std::int64_t i = 0; i < token.head_dim; ++i) scaled[i] = x[i] * factor * norm[i];
    x = scaled;
  }
  const std::int64_t half = token.head_dim / 2;
  for (std::int64_t i = 0; i < half; ++i) {
    out[i] = x[i] * token.cosines[i] - x[i + half] * token.sines[i];
    out[i + half] = x[i + half] * token.cosines[i] + x[i] * token.sines[i];
  }
}

template <typename Element>
void prepare(const TokenInput<Element>& token) {
  constexpr std::int64_t kUnit = Dot<Element>::kPerUnit;
  alignas(64) float turned[kLargestHead];
  alignas(64) Element narrow[kLargestHead];
  for (std::int64_t i = token.head_dim; i < token.padded_head_dim; ++i) turned[i] = 0.0F;
  const float* x = token.products;
  for (std::int64_t head = 0; head < token.num_heads; ++head, x += token.head_dim) {
    rotate(token, x, token.query_norm, turned);
    Element* query = token.queries + head * token.padded_head_dim;
    for (std::int64_t i = 0; i < token.padded_head_dim; i += kLanes) store(query + i, load(turned + i));
  }
  const std::int64_t part = kPageTokens * token.padded_head_dim;
  for (std::int64_t head = 0; head < token.num_kv_heads; ++head, x += token.head_dim) {
    rotate(token, x, token.key_norm, turned);
    for (std::int64_t i = 0; i < token.padded_head_dim; i += kLanes) store(narrow + i, load(turned + i));
    Element* keys = token.page + 2 * head * part + token.slot * kUnit;
    for (std::int64_t i = 0; i < token.padded_head_dim; i += kUnit) {
      __builtin_memcpy(keys + i * kPageTokens, narrow + i, sizeof(Element) * kUnit);
    }
  }
  for (std::int64_t head = 0; head < token.num_kv_heads; ++head, x += token.head_dim) {
    Element* values = token.page + (2 * head + 1) * part;
    Element* value = values + token.slot / kUnit * kUnit * token.padded_head_dim + token.slot % kUnit;
    for (std::int64_t i = 0; i < token.head_dim; ++i) value[i * kUnit] = rounded(x[i], Element{});
  }
}

template <typename Element>
void normalise(const float* x, const float* weight, std::int64_t width, float eps, Element* out) {
  F16 squares = all(0.0F);
  std::int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) squares += load(x + i) * load(x + i);
  float sum = sum_of(squares);
  for (std::int64_t j = i; j < width; ++j) sum += x[j] * x[j];
  const float factor = 1.0F / __builtin_sqrtf(sum / static_cast<float>(width) + eps);
  for (i = 0; i + kLanes <= width; i += kLanes) store(out + i, load(x + i) * all(factor) * load(weight + i));
  if (i < width) {
    alignas(64) float rest[kLanes] = {};
    for (std::int64_t j = i; j < width; ++j) rest[j - i] = x[j] * factor * weight[j];
    store(out + i, load(rest));
  }
}

template <typename Element>
void divide(const float* weighted, float sum, std::int64_t count, Element* out) {
  const float factor = 1.0F / sum;
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(out + i, load(weighted + i) * all(factor));
  for (; i < count; ++i) out[i] = rounded(weighted[i] * factor, Element{});
}

template <typename Element>
constexpr Kernels<Element> kKernels = {.multiply = multiply<Element>,
                                       .tiles = tiles<Element>,
                                       .attend = attend<Element>,
                                       .prepare = prepare<Element>,
                                       .normalise = normalise<Element>,
                                       .divide = divide<Element>,
                                       .name = DROVER_KERNELS_NAME};

}  // namespace
}  // namespace drover::model
