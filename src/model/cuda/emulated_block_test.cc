#include "model/cuda/emulated_block.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "model/cuda/bfloat16_bits.h"
#include "model/cuda/warp_product.h"

namespace drover::model::emulated {
namespace {

TEST(EmulatedBlock, ThreadsMeetAtBarriers) {
  std::vector<int> seen(64);
  run_blocks(1, 1, 64, 64 * sizeof(int), [&] {
    auto* shared = reinterpret_cast<int*>(shared_memory());
    shared[thread_index()] = thread_index();
    block_barrier();
    seen[static_cast<std::size_t>(thread_index())] = shared[63 - thread_index()];
  });
  for (int i = 0; i < 64; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], 63 - i);
}

TEST(EmulatedBlock, ABarrierThatSomeThreadsMissIsAnError) {
  const auto uneven = [] {
    if (thread_index() < 40) block_barrier();
    else warp_barrier();
  };
  EXPECT_THROW(run_blocks(1, 1, 64, 0, uneven), std::logic_error);
}

TEST(EmulatedBlock, AnErrorOfAThreadReachesTheCaller) {
  EXPECT_THROW(run_blocks(1, 1, 32, 0, [] { throw std::runtime_error("thread"); }), std::runtime_error);
}

TEST(EmulatedBlock, SharedMemoryIsNotANumberUntilItIsWrittenAndACopyArrivesWhenItIsWaitedFor) {
  std::vector<float> from{1, 2, 3, 4};
  run_blocks(1, 1, 32, 16, [&] {
    auto* shared = reinterpret_cast<float*>(shared_memory());
    if (thread_index() != 0) return;
    EXPECT_TRUE(std::isnan(shared[0]));
    shared[0] = 7;
    copy_16_async(shared, from.data(), true);
    commit_copies();
    wait_for_copies<1>();
    EXPECT_TRUE(std::isnan(shared[0]));
    wait_for_copies<0>();
    EXPECT_EQ(shared[3], 4.0F);
    copy_16_async(shared, from.data(), false);
    commit_copies();
    wait_for_copies<0>();
    EXPECT_EQ(shared[3], 0.0F);
  });
}

TEST(BFloat16, RoundsToTheNearestAndTiesToEven) {
  const auto rounded = [](float value) { return rounded_as<BFloat16>(value); };
  EXPECT_EQ(rounded(1.0F), 1.0F);
  EXPECT_EQ(rounded(1.0F + 1.0F / 256), 1.0F);             // a tie, down to even
  EXPECT_EQ(rounded(1.0F + 3.0F / 256), 1.0F + 4.0F / 256);  // a tie, up to even
  EXPECT_EQ(rounded(1.0F + 1.1F / 256), 1.0F + 2.0F / 256);
  EXPECT_TRUE(std::isnan(rounded(NAN)));
  EXPECT_EQ(rounded(-INFINITY), -INFINITY);
}

// Small whole numbers, so that sums are exact in any order and in both types.
template <class Element>
Element number(int i, int j) {
  Element element;
  store(&element, static_cast<float>((i * 7 + j * 5 + i * j) % 9 - 4));
  return element;
}

template <class Element>
class WarpProducts : public testing::Test {};
using ElementTypes = testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(WarpProducts, ElementTypes);

TYPED_TEST(WarpProducts, EqualTheirDefinition) {
  constexpr int kInner = 32, kColumns = 48, kStride = 40;
  std::vector<float> rows_result(16 * kColumns), weights_result(16 * 32);
  run_blocks(1, 1, 32, 64 * 1024, [&] {
    auto* left = reinterpret_cast<TypeParam*>(shared_memory());
    TypeParam* right = left + 16 * kStride;
    auto* scratch = reinterpret_cast<float*>(shared_memory() + 32 * 1024);
    for (int i = thread_index(); i < 16 * kInner; i += 32) left[i / kInner * kStride + i % kInner] = number<TypeParam>(i / kInner, i % kInner);
    for (int i = thread_index(); i < kColumns * kInner; i += 32) right[i / kInner * kStride + i % kInner] = number<TypeParam>(i / kInner + 3, i % kInner);
    block_barrier();
    using Product = WarpProduct<TypeParam>;
    float sums[kColumns / 8][4] = {};
    Product::template rows_times_rows<kColumns, kInner>(sums, typename Product::Rows{left, kStride}, right, kStride);
    float again[kColumns / 8][4] = {};
    Product::template rows_times_rows<kColumns, kInner>(again, typename Product::template HeldRows<kInner>(typename Product::Rows{left, kStride}), right, kStride);
    float weights[kColumns / 8][4];
    for (int n = 0; n < kColumns / 8; ++n) {
      for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(sums[n][i], again[n][i]);
        const int row = row_of_lane() + i / 2 * 8, column = n * 8 + column_of_lane() + i % 2;
        rows_result[static_cast<std::size_t>(row * kColumns + column)] = sums[n][i];
        weights[n][i] = to_float(number<TypeParam>(row, column));
      }
    }
    float products[4][4] = {};
    Product::template weights_times_rows<32, kColumns>(products, weights, right, kStride, scratch);
    for (int n = 0; n < 4; ++n) {
      for (int i = 0; i < 4; ++i) weights_result[static_cast<std::size_t>((row_of_lane() + i / 2 * 8) * 32 + n * 8 + column_of_lane() + i % 2)] = products[n][i];
    }
  });
  const auto at = [](int i, int j) { return to_float(number<TypeParam>(i, j)); };
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < kColumns; ++column) {
      float want = 0;
      for (int k = 0; k < kInner; ++k) want += at(row, k) * at(column + 3, k);
      EXPECT_EQ(rows_result[static_cast<std::size_t>(row * kColumns + column)], want) << row << ", " << column;
    }
    for (int column = 0; column < 32; ++column) {
      float want = 0;
      for (int k = 0; k < kColumns; ++k) want += at(row, k) * at(k + 3, column);
      EXPECT_EQ(weights_result[static_cast<std::size_t>(row * 32 + column)], want) << row << ", " << column;
    }
  }
}

}  // namespace
}  // namespace drover::model::emulated
