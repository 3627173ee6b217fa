#pragma once

#include <cstdint>

#include "model/cuda/bfloat16_bits.h"
#include "model/cuda/device_language.h"

namespace drover::model::DROVER_DEVICE_NAMESPACE {

/// Matrix products of one warp: 16 rows of results, `Columns` columns. A lane holds sums[c / 8][i] of the columns 8 (c / 8) + 2 t and
/// the next (i even and odd) for the rows g (i < 2) and g + 8, where g = lane / 4 and t = lane % 4: the layout of the tensor cores'
/// results, which the float32 form shares.
template <class Element>
struct WarpProduct;

DROVER_DEVICE int lane_index() { return thread_index() % kWarpThreads; }
DROVER_DEVICE int row_of_lane() { return lane_index() / 4; }
DROVER_DEVICE int column_of_lane() { return lane_index() % 4 * 2; }

/// On tensor cores.
template <>
struct WarpProduct<BFloat16> {
  /// 16 rows of the left side in shared memory, `stride` numbers apart.
  struct Rows {
    const BFloat16* rows;
    int stride;
    DROVER_DEVICE void part(int k, std::uint32_t (&parts)[4]) const {
      const int lane = lane_index();
      load_matrices(parts, rows + (lane % 16) * stride + k * 16 + lane / 16 * 8);
    }
  };
  /// The same, read once.
  template <int Inner>
  struct HeldRows {
    std::uint32_t held[Inner / 16][4];
    DROVER_DEVICE explicit HeldRows(const Rows& rows) {
      DROVER_UNROLL
      for (int k = 0; k < Inner / 16; ++k) rows.part(k, held[k]);
    }
    DROVER_DEVICE void part(int k, std::uint32_t (&parts)[4]) const {
      DROVER_UNROLL
      for (int i = 0; i < 4; ++i) parts[i] = held[k][i];
    }
  };

  /// sums += left [16, Inner] times the transpose of `right` [Columns, Inner], rows `stride` apart in shared memory.
  template <int Columns, int Inner, class Left>
  DROVER_DEVICE static void rows_times_rows(float (&sums)[Columns / 8][4], const Left& left, const BFloat16* right, int stride) {
    const int lane = lane_index();
    const BFloat16* own = right + (lane / 16 * 8 + lane % 8) * stride + lane / 8 % 2 * 8;
    DROVER_UNROLL
    for (int k = 0; k < Inner / 16; ++k) {
      std::uint32_t a[4];
      left.part(k, a);
      DROVER_UNROLL
      for (int n = 0; n < Columns / 16; ++n) {
        std::uint32_t b[4];
        load_matrices(b, own + n * 16 * stride + k * 16);
        multiply_add(sums[2 * n], a, b[0], b[1]);
        multiply_add(sums[2 * n + 1], a, b[2], b[3]);
      }
    }
  }

  /// sums += weights [16, Inner] (laid out like sums) times `right` [Inner, Columns], rows `stride` apart in shared memory. Weights are
  /// rounded to bfloat16. `scratch` is not used.
  template <int Columns, int Inner>
  DROVER_DEVICE static void weights_times_rows(float (&sums)[Columns / 8][4], const float (&weights)[Inner / 8][4], const BFloat16* right,
                                               int stride, float*) {
    const int lane = lane_index();
    const BFloat16* own = right + (lane / 8 % 2 * 8 + lane % 8) * stride + lane / 16 * 8;
    DROVER_UNROLL
    for (int k = 0; k < Inner / 16; ++k) {
      const std::uint32_t a[4] = {packed_pair(weights[2 * k][0], weights[2 * k][1]), packed_pair(weights[2 * k][2], weights[2 * k][3]),
                                  packed_pair(weights[2 * k + 1][0], weights[2 * k + 1][1]), packed_pair(weights[2 * k + 1][2], weights[2 * k + 1][3])};
      DROVER_UNROLL
      for (int n = 0; n < Columns / 16; ++n) {
        std::uint32_t b[4];
        load_matrices_transposed(b, own + k * 16 * stride + n * 16);
        multiply_add(sums[2 * n], a, b[0], b[1]);
        multiply_add(sums[2 * n + 1], a, b[2], b[3]);
      }
    }
  }

  /// Floats of scratch for each warp that `weights_times_rows` needs.
  static constexpr int scratch_floats(int) { return 0; }
};

/// In plain float32 arithmetic: tensor cores would cut the numbers to 11 bits.
template <>
struct WarpProduct<float> {
  struct Rows {
    const float* rows;
    int stride;
  };
  template <int Inner>
  struct HeldRows : Rows {
    DROVER_DEVICE explicit HeldRows(const Rows& given) : Rows(given) {}
  };

  template <int Columns, int Inner, class Left>
  DROVER_DEVICE static void rows_times_rows(float (&sums)[Columns / 8][4], const Left& left, const float* right, int stride) {
    const float* upper = left.rows + row_of_lane() * left.stride;
    const float* lower = upper + 8 * left.stride;
    const float* own = right + column_of_lane() * stride;
#ifdef __CUDACC__
#pragma unroll 4
#endif
    for (int k = 0; k < Inner; ++k) {
      DROVER_UNROLL
      for (int n = 0; n < Columns / 8; ++n) {
        const float first = own[n * 8 * stride + k], second = own[(n * 8 + 1) * stride + k];
        sums[n][0] += upper[k] * first;
        sums[n][1] += upper[k] * second;
        sums[n][2] += lower[k] * first;
        sums[n][3] += lower[k] * second;
      }
    }
  }

  template <int Columns, int Inner>
  DROVER_DEVICE static void weights_times_rows(float (&sums)[Columns / 8][4], const float (&weights)[Inner / 8][4], const float* right,
                                               int stride, float* scratch) {
    constexpr int kStride = Inner + 1;
    DROVER_UNROLL
    for (int j = 0; j < Inner / 8; ++j) {
      DROVER_UNROLL
      for (int i = 0; i < 4; ++i) scratch[(row_of_lane() + i / 2 * 8) * kStride + j * 8 + column_of_lane() + i % 2] = weights[j][i];
    }
    warp_barrier();
#ifdef __CUDACC__
#pragma unroll 4
#endif
    for (int k = 0; k < Inner; ++k) {
      const float upper = scratch[row_of_lane() * kStride + k], lower = scratch[(row_of_lane() + 8) * kStride + k];
      const float* own = right + k * stride + column_of_lane();
      DROVER_UNROLL
      for (int n = 0; n < Columns / 8; ++n) {
        sums[n][0] += upper * own[n * 8];
        sums[n][1] += upper * own[n * 8 + 1];
        sums[n][2] += lower * own[n * 8];
        sums[n][3] += lower * own[n * 8 + 1];
      }
    }
    warp_barrier();  // before the scratch is written again
  }

  static constexpr int scratch_floats(int inner) { return 16 * (inner + 1); }
};

}  // namespace drover::model::DROVER_DEVICE_NAMESPACE
