#include "weights/small_floats.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

namespace drover::weights {
namespace {

// The compiler's own half type is the reference.
TEST(HalfToFloat, EqualsTheCompilersConversionForEveryHalf) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const auto expected = static_cast<float>(std::bit_cast<_Float16>(half));
    const float actual = half_to_float(half);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(actual)) << bits;
    } else {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(actual), std::bit_cast<std::uint32_t>(expected)) << bits;
    }
  }
}

TEST(FloatToHalf, RoundsAroundEveryHalfAsTheCompilerDoes) {
  for (std::uint32_t bits = 0; bits < 0x7C00; ++bits) {
    const float low = half_to_float(static_cast<std::uint16_t>(bits));
    const float high = bits + 1 == 0x7C00 ? 65536.0f : half_to_float(static_cast<std::uint16_t>(bits + 1));
    const float middle = low + (high - low) / 2;
    for (const float value : {low, std::nextafter(low, high), std::nextafter(middle, low), middle, std::nextafter(middle, high)}) {
      for (const float signed_value : {value, -value}) {
        const auto expected = std::bit_cast<std::uint16_t>(static_cast<_Float16>(signed_value));
        ASSERT_EQ(float_to_half(signed_value), expected) << signed_value;
      }
    }
  }
}

TEST(FloatToHalf, KeepsInfinityAndNaN) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(float_to_half(infinity), 0x7C00);
  EXPECT_EQ(float_to_half(-infinity), 0xFC00);
  EXPECT_EQ(float_to_half(std::numeric_limits<float>::max()), 0x7C00);
  EXPECT_TRUE(std::isnan(half_to_float(float_to_half(std::numeric_limits<float>::quiet_NaN()))));
  EXPECT_TRUE(std::isnan(half_to_float(float_to_half(std::bit_cast<float>(0x7F800001u)))));
}

TEST(FloatToBfloat16, KeepsInfinityAndNaN) {
  EXPECT_EQ(float_to_bfloat16(std::numeric_limits<float>::infinity()), 0x7F80);
  // A NaN whose payload lies in the lower half must not become infinity.
  EXPECT_TRUE(std::isnan(bfloat16_to_float(float_to_bfloat16(std::bit_cast<float>(0x7F800001u)))));
  EXPECT_TRUE(std::isnan(bfloat16_to_float(float_to_bfloat16(std::bit_cast<float>(0xFFFFFFFFu)))));
}

}  // namespace
}  // namespace drover::weights
