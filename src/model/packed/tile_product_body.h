#pragma once

// Products of tiles. Included by the files that are compiled for one instruction set each.

#include "base/simd.h"
#include "model/packed/dot.h"
#include "model/packed/training_kernels.h"

namespace drover::model {
namespace {

using namespace base::simd;

// As many rows and vectors as registers hold: AVX-512 has 32 vectors of 16 floats, the others 16 shorter ones.
#if defined(__AVX512F__)
inline constexpr int kProductRows = 6;
inline constexpr int kProductVectors = 4;
#else
inline constexpr int kProductRows = 4;
inline constexpr int kProductVectors = 1;
#endif

DROVER_INLINE F16 widened(const BFloat16* from) {
  H16 narrow;
  __builtin_memcpy(&narrow, from, sizeof narrow);
  return (F16)(__builtin_convertvector(narrow, U16) << 16);
}
DROVER_INLINE F16 widened(const float* from) { return load(from); }

template <typename Element>
DROVER_INLINE typename Dot<Element>::Unit unit_from(const Element* from) {
  typename Dot<Element>::Unit unit;
  __builtin_memcpy(&unit, from, sizeof unit);
  return unit;
}

// silu(x) = x / (1 + e^-x).
DROVER_INLINE F16 sigmoid(F16 x) { return all(1.0F) / (all(1.0F) + exp(-x)); }

template <typename Element, int Rows>
DROVER_INLINE void tile_products(const TileProduct<Element>& m, const Element* a, const Element* panel, const float* bias,
                                 float (*products)[kPanelColumns]) {
  constexpr int kUnit = Dot<Element>::kPerUnit;
  for (int first = 0; first < kPanelColumns / kLanes; first += kProductVectors) {
    F16 acc[Rows][kProductVectors];
    for (int v = 0; v < kProductVectors; ++v) {
      const F16 start = bias == nullptr ? all(0.0F) : load(bias + (first + v) * kLanes);
      for (int r = 0; r < Rows; ++r) acc[r][v] = start;
    }
    const Element* b = panel + first * kLanes * kUnit;
    const Element* at = a;
    for (std::int64_t unit = 0; unit < m.units; ++unit, b += m.b_unit, at += m.a_unit) {
      typename Dot<Element>::Vector columns[kProductVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kProductVectors; ++v) {
        columns[v] = Dot<Element>::load(b + v * kLanes * kUnit);
        __builtin_prefetch(b + 8 * m.b_unit + v * kLanes * kUnit, 0, 3);
      }
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r) {
        const auto x = Dot<Element>::spread(unit_from<Element>(at + r * m.a_row));
#pragma GCC unroll 4
        for (int v = 0; v < kProductVectors; ++v) acc[r][v] = Dot<Element>::add(acc[r][v], columns[v], x);
      }
    }
    for (int r = 0; r < Rows; ++r) {
      for (int v = 0; v < kProductVectors; ++v) store(&products[r][(first + v) * kLanes], acc[r][v]);
    }
  }
}

// Gate and up lie in turns of half a panel.
inline constexpr int kHalf = static_cast<int>(kPanelColumns) / 2;

template <typename Element>
DROVER_INLINE void end_with_gate(const float* products, Element* rounded, Element* gated) {
  for (int i = 0; i < kHalf; i += kLanes) {
    const F16 gate = load(products + i);
    const F16 up = load(products + i + kHalf);
    store(rounded + i, gate);
    store(rounded + i + kHalf, up);
    store(gated + i, gate * sigmoid(gate) * up);
  }
}

template <typename Element>
DROVER_INLINE void end_with_gate_backward(const float* gradient, const Element* gate_up, Element* rounded, Element* gated) {
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < kHalf; i += kLanes) {
      const std::int64_t at = half * kPanelColumns + i;
      const F16 gate = widened(gate_up + at);
      const F16 up = widened(gate_up + at + kHalf);
      const F16 d = load(gradient + half * kHalf + i);
      const F16 share = sigmoid(gate);
      const F16 silu = gate * share;
      store(rounded + at, d * up * share * (all(1.0F) + gate - silu));
      store(rounded + at + kHalf, d * silu);
      store(gated + half * kHalf + i, silu * up);
    }
  }
}

template <typename Element, int Rows>
void end_tile(const TileProduct<Element>& m, std::int64_t panel, std::int64_t row, const float (*products)[kPanelColumns]) {
  for (int r = 0; r < Rows; ++r) {
    const std::int64_t out = (row + r) * m.out_row + panel * m.out_panel;
    const std::int64_t rounded = (row + r) * m.rounded_row + panel * kPanelColumns;
    const std::int64_t gated = (row + r) * m.gated_row;
    switch (m.end) {
      case TileEnd::kStore:
        for (int i = 0; i < kPanelColumns; i += kLanes) store(m.out + out + i, load(&products[r][i]));
        break;
      case TileEnd::kAdd:
        for (int i = 0; i < kPanelColumns; i += kLanes) store(m.out + out + i, load(m.out + out + i) + load(&products[r][i]));
        break;
      case TileEnd::kRound:
        for (int i = 0; i < kPanelColumns; i += kLanes) store(m.rounded + rounded + i, load(&products[r][i]));
        break;
      case TileEnd::kSwiGlu:
        end_with_gate<Element>(products[r], m.rounded + rounded, m.gated + gated + panel * kHalf);
        break;
      case TileEnd::kSwiGluBackward: {  // a panel of the gate belongs to two of gate and up
        const std::int64_t both = rounded + panel * kPanelColumns;
        end_with_gate_backward<Element>(products[r], m.gate_up + both, m.rounded + both, m.gated + gated + panel * kPanelColumns);
        break;
      }
    }
  }
}

template <typename Element, int Rows>
void multiply_tile(const TileProduct<Element>& m, std::int64_t panel, std::int64_t row) {
  alignas(64) float products[Rows][kPanelColumns];
  tile_products<Element, Rows>(m, m.a + row * m.a_row, m.b + panel * m.b_panel, m.bias == nullptr ? nullptr : m.bias + panel * kPanelColumns,
                               products);
  end_tile<Element, Rows>(m, panel, row, products);
}

template <typename Element>
void multiply(const TileProduct<Element>& m) {
  const std::int64_t tiles = (m.rows + kProductRows - 1) / kProductRows;
  for (std::int64_t panel = 0; panel < m.panels; ++panel) {
    for (std::int64_t tile = 0; tile < tiles; ++tile) {  // rows are spread evenly over the tiles
      const std::int64_t row = tile * m.rows / tiles;
      switch ((tile + 1) * m.rows / tiles - row) {
        case 1: multiply_tile<Element, 1>(m, panel, row); break;
        case 2: multiply_tile<Element, 2>(m, panel, row); break;
        case 3: multiply_tile<Element, 3>(m, panel, row); break;
#if defined(__AVX512F__)
        case 4: multiply_tile<Element, 4>(m, panel, row); break;
        case 5: multiply_tile<Element, 5>(m, panel, row); break;
#endif
        default: multiply_tile<Element, kProductRows>(m, panel, row); break;
      }
    }
  }
}

}  // namespace
}  // namespace drover::model
