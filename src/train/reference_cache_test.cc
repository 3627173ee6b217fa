#include "train/reference_cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

namespace drover::train {
namespace {

TEST(ReferenceCache, RunsThatSaveAtOnceLoseNothing) {
  const auto folder = std::filesystem::path(testing::TempDir()) / ("drover_reference_cache_" + std::to_string(getpid()));
  std::filesystem::remove_all(folder);
  constexpr std::uint64_t kRuns = 2, kSaves = 60;
  std::vector<std::thread> runs;
  for (std::uint64_t run = 0; run < kRuns; ++run) {
    runs.emplace_back([&folder, run] {
      for (std::uint64_t i = 0; i < kSaves; ++i) {
        ReferenceCache cache(folder, "policy");
        cache.add({run, i}, {static_cast<float>(run), static_cast<float>(i)});
        cache.save();
      }
    });
  }
  for (auto& run : runs) run.join();
  const ReferenceCache cache(folder, "policy");
  for (std::uint64_t run = 0; run < kRuns; ++run) {
    for (std::uint64_t i = 0; i < kSaves; ++i) {
      EXPECT_EQ(cache.find({run, i}), (ReferenceLogProbs{static_cast<float>(run), static_cast<float>(i)})) << run << ", " << i;
    }
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()), 1) << "no lock stays";
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace drover::train
