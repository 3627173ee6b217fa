#include "engine/exponentials.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random_stream.h"

namespace drover::engine {
namespace {

std::vector<const Exponentials*> all_of_them() {
  std::vector<const Exponentials*> found;
  for (const auto* one : {exponentials_avx512(), exponentials_avx2(), exponentials_portable()}) {
    if (one != nullptr) found.push_back(one);
  }
  return found;
}

std::vector<float> normal_numbers(std::size_t count) {
  base::RandomStream random(2, "numbers");
  std::vector<float> x(count);
  for (auto& value : x) value = static_cast<float>(9.0 * random.normal());
  return x;
}

TEST(Exponentials, SumEachBlockWithinAMillionth) {
  for (const auto* kernels : all_of_them()) {
    for (const std::size_t count : {1U, 15U, 16U, 17U, 1023U, 1024U, 1025U, 5000U}) {
      const auto x = normal_numbers(count);
      std::vector<float> sums((count + 1023) / 1024);
      kernels->block_sums(x.data(), static_cast<std::int64_t>(count), 30.0F, 0.7F, sums.data());
      for (std::size_t block = 0; block < sums.size(); ++block) {
        double expected = 0.0;
        for (std::size_t i = block * 1024; i < std::min(count, (block + 1) * 1024); ++i) expected += std::exp((static_cast<double>(x[i]) - 30.0) * 0.7);
        EXPECT_NEAR(sums[block] / expected, 1.0, 3e-6) << kernels->name << ", " << count;
      }
    }
  }
}

TEST(Exponentials, WhatIsFarBelowTheTopCountsNothing) {
  for (const auto* kernels : all_of_them()) {
    const std::vector<float> x{0.0F, -INFINITY, -1000.0F, -88.0F};
    float sum = 0.0F;
    kernels->block_sums(x.data(), 4, 0.0F, 1.0F, &sum);
    EXPECT_EQ(sum, 1.0F) << kernels->name;
  }
}

TEST(Exponentials, TheLargestIsNotANumberWhenAnyIsNone) {
  for (const auto* kernels : all_of_them()) {
    for (const std::size_t count : {3U, 16U, 40U}) {
      auto x = normal_numbers(count);
      EXPECT_EQ(kernels->largest(x.data(), static_cast<std::int64_t>(count)), *std::max_element(x.begin(), x.end())) << kernels->name;
      for (std::size_t place = 0; place < count; ++place) {
        auto broken = x;
        broken[place] = std::nanf("");
        EXPECT_TRUE(std::isnan(kernels->largest(broken.data(), static_cast<std::int64_t>(count)))) << kernels->name << " at " << place;
      }
    }
  }
}

TEST(Exponentials, IndicesOfLargeEntriesComeInOrder) {
  for (const auto* kernels : all_of_them()) {
    const auto x = normal_numbers(100);
    std::vector<std::int32_t> indices(100);
    const auto found = kernels->at_least(x.data(), 100, 4.0F, indices.data());
    std::vector<std::int32_t> expected;
    for (std::int32_t i = 0; i < 100; ++i) {
      if (x[static_cast<std::size_t>(i)] >= 4.0F) expected.push_back(i);
    }
    indices.resize(static_cast<std::size_t>(found));
    EXPECT_EQ(indices, expected) << kernels->name;
  }
}

}  // namespace
}  // namespace drover::engine
