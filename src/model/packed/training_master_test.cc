#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

#include "model/packed/training_kernels_test.h"

namespace drover::model {
namespace {

using at::Tensor;

template <typename Element>
class TrainingMasterFor : public testing::Test {};
using Elements = testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(TrainingMasterFor, Elements);

// Bit patterns of every kind: both zeros, denormals, halves between neighbours of bfloat16, the largest, infinities, and any others.
std::vector<float> bit_patterns(std::size_t count) {
  std::vector<std::uint32_t> bits{0x00000000U, 0x80000000U, 0x00000001U, 0x80000001U, 0x007FFFFFU, 0x00008000U, 0x80008000U, 0x00007FFFU,
                                  0x3F808000U, 0x3F818000U, 0xBF808000U, 0xBF818000U, 0x3F807FFFU, 0x3F808001U, 0x3FFFFFFFU, 0x3FFF8000U,
                                  0x7F7FFFFFU, 0xFF7FFFFFU, 0x7F7F8000U, 0x7F800000U, 0xFF800000U, 0x3F80FFFFU, 0x0000FFFFU, 0xFFFFFFFFU};
  std::mt19937 random(7);
  while (bits.size() < count) bits.push_back(static_cast<std::uint32_t>(random()));
  std::vector<float> numbers;
  for (const std::uint32_t pattern : bits) numbers.push_back(std::bit_cast<float>(pattern));
  return numbers;
}

TYPED_TEST(TrainingMasterFor, SplitsAndJoinsEveryBitPatternExactly) {
  constexpr std::int64_t units = 8, count = units * kUnit<TypeParam> * 64;
  const std::vector<float> master = bit_patterns(count);
  for (const auto* kernels : all_training_kernels<TypeParam>()) {
    std::vector<TypeParam> weights(count);
    std::vector<std::int16_t> low(count);
    std::vector<float> joined(count);
    kernels->split_master(master.data(), units, weights.data(), low.data());
    kernels->join_master(weights.data(), low.data(), units, joined.data());
    for (std::size_t i = 0; i < master.size(); ++i) {
      EXPECT_EQ(std::bit_cast<std::uint32_t>(joined[i]), std::bit_cast<std::uint32_t>(master[i])) << kernels->name << ", " << i;
      // Number k of column c lies at unit k / numbers in a unit.
      const std::size_t k = i / 64, c = i % 64, unit = kUnit<TypeParam>;
      const float weight = widened(weights[(k / unit * 64 + c) * unit + k % unit]);
      if (std::isnan(master[i]) || !std::isfinite(weight)) continue;
      EXPECT_LE(std::abs(weight - master[i]), unit == 1 ? 0.0F : std::max(std::ldexp(std::abs(master[i]), -8), 0x1p-134F)) << "the nearest: " << kernels->name;
    }
  }
}

TYPED_TEST(TrainingMasterFor, AdamWLikeTheFormulaOverSteps) {
  constexpr std::int64_t units = 4, rows = units * kUnit<TypeParam>, count = rows * 64;
  for (const auto* kernels : all_training_kernels<TypeParam>()) {
    at::manual_seed(2);
    const Tensor start = at::randn({count});
    std::vector<TypeParam> weights(count);
    std::vector<std::int16_t> low(count);
    std::vector<float> joined(count), first(count, 0.0F), second(count, 0.0F);
    kernels->split_master(floats(start), units, weights.data(), low.data());
    Tensor master = start.to(at::kDouble), m = at::zeros({count}, at::kDouble), v = at::zeros({count}, at::kDouble);
    const double beta1 = 0.9F, beta2 = 0.95F, epsilon = 1e-8F, rate = 1e-2, decay = 0.1, scale = 0.25F;
    for (int t = 1; t <= 6; ++t) {
      const Tensor gradient = at::randn({count}) * at::pow(10.0, at::randn({count})) * (at::rand({count}) > 0.2);  // some are 0
      kernels->adamw({.beta1 = static_cast<float>(beta1), .beta2 = static_cast<float>(beta2), .epsilon = static_cast<float>(epsilon),
                      .decay = static_cast<float>(1.0 - rate * decay), .rate = static_cast<float>(rate / (1.0 - std::pow(beta1, t))),
                      .root_correction = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(beta2, t))), .gradient_scale = static_cast<float>(scale)},
                     units, weights.data(), low.data(), floats(gradient), first.data(), second.data());
      const Tensor g = gradient.to(at::kDouble) * scale;
      m = beta1 * m + (1.0 - beta1) * g;
      v = beta2 * v + (1.0 - beta2) * g * g;
      master = master * (1.0 - rate * decay) - rate * (m / (1.0 - std::pow(beta1, t))) / ((v / (1.0 - std::pow(beta2, t))).sqrt() + epsilon);
      kernels->join_master(weights.data(), low.data(), units, joined.data());
      for (std::int64_t i = 0; i < count; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const double w = master[i].template item<double>();
        ASSERT_NEAR(joined[at], w, 1e-6 * (1.0 + std::abs(w))) << kernels->name << ", step " << t;
        ASSERT_NEAR(first[at], m[i].template item<double>(), 1e-5 * g.abs().max().template item<double>()) << kernels->name;
        ASSERT_NEAR(second[at], v[i].template item<double>(), 1e-5 * v[i].template item<double>() + 1e-30) << kernels->name;
      }
    }
  }
}

}  // namespace
}  // namespace drover::model
