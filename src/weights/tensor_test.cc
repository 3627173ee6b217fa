#include "weights/tensor.h"

#include <gtest/gtest.h>

#include <limits>


namespace drover::weights {
namespace {

constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();

std::optional<std::uint64_t> size_of(ElementType type, const std::vector<std::int64_t>& shape) { return stored_bytes(type, shape); }

TEST(StoredBytes, CountsWholeBlocksOfTheLastDimension) {
  EXPECT_EQ(size_of(ElementType::kF32, {}), 4u);
  EXPECT_EQ(size_of(ElementType::kBF16, {2, 3}), 12u);
  EXPECT_EQ(size_of(ElementType::kQ4_1, {3, 64}), 3u * 2 * 20);
  EXPECT_EQ(size_of(ElementType::kQ6_K, {2, 512}), 2u * 2 * 210);
  EXPECT_EQ(size_of(ElementType::kQ8_0, {64, 3}), std::nullopt);
  EXPECT_EQ(size_of(ElementType::kQ8_0, {}), std::nullopt);
}

TEST(StoredBytes, RefusesNegativeAndOverflowingShapes) {
  EXPECT_EQ(size_of(ElementType::kU8, {-1}), std::nullopt);
  EXPECT_EQ(size_of(ElementType::kU8, {0, -1}), std::nullopt);
  EXPECT_EQ(size_of(ElementType::kU8, {kHuge}), static_cast<std::uint64_t>(kHuge));
  EXPECT_EQ(size_of(ElementType::kI16, {kHuge}), std::nullopt);
  EXPECT_EQ(size_of(ElementType::kU8, {kHuge, 2}), std::nullopt);
  EXPECT_EQ(size_of(ElementType::kF32, {std::int64_t{1} << 32, std::int64_t{1} << 32}), std::nullopt);
}

TEST(StoredBytes, IsZeroWheneverOneDimensionIs) {
  EXPECT_EQ(size_of(ElementType::kF32, {0}), 0u);
  EXPECT_EQ(size_of(ElementType::kF32, {kHuge, kHuge, 0}), 0u);
  EXPECT_EQ(size_of(ElementType::kQ4_K, {0, 256}), 0u);
}

TEST(TensorView, CountsElementsOfEmptyAndScalarTensors) {
  EXPECT_EQ((TensorView{.shape = {}}).num_elements(), 1);
  EXPECT_EQ((TensorView{.shape = {2, 3, 4}}).num_elements(), 24);
  EXPECT_EQ((TensorView{.shape = {kHuge, kHuge, 0}}).num_elements(), 0);
}

TEST(TensorView, KnowsWhetherItsBytesMayBeCast) {
  alignas(8) std::byte storage[16] = {};
  EXPECT_TRUE((TensorView{.type = ElementType::kF32, .bytes = std::span(storage).subspan(4, 4)}).is_aligned());
  EXPECT_FALSE((TensorView{.type = ElementType::kF32, .bytes = std::span(storage).subspan(2, 4)}).is_aligned());
  EXPECT_TRUE((TensorView{.type = ElementType::kBF16, .bytes = std::span(storage).subspan(2, 4)}).is_aligned());
}

}  // namespace
}  // namespace drover::weights
