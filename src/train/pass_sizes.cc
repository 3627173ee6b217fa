#include "train/pass_sizes.h"

#include <algorithm>

#include "model/best_fit.h"

namespace drover::train {
namespace {

constexpr std::size_t kRowsPacked = 1'000'000;  // a second or so

}  // namespace

PassSizes largest_passes(std::span<const std::int64_t> sizes, std::span<const std::int64_t> learned, std::span<const std::vector<std::int64_t>> steps,
                         std::int64_t packed_tokens) {
  PassSizes most;
  const auto count = [&most](std::int64_t tokens, std::int64_t positions) {
    most.tokens = std::max(most.tokens, tokens);
    most.learned = std::max(most.learned, positions);
  };
  std::size_t packed = 0;
  for (const auto& step : steps) {
    if (packed >= kRowsPacked) {
      for (const auto row : step) count(sizes[static_cast<std::size_t>(row)], learned[static_cast<std::size_t>(row)]);
      continue;
    }
    packed += step.size();
    std::vector<std::int64_t> own;
    for (const auto row : step) own.push_back(sizes[static_cast<std::size_t>(row)]);
    for (const auto& members : model::best_fit(own, packed_tokens)) {
      std::int64_t tokens = 0, positions = 0;
      for (const auto place : members) {
        tokens += own[static_cast<std::size_t>(place)];
        positions += learned[static_cast<std::size_t>(step[static_cast<std::size_t>(place)])];
      }
      count(tokens, positions);
    }
  }
  return most;
}

}  // namespace drover::train
