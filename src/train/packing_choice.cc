#include "train/packing_choice.h"

#include <algorithm>

#include "model/best_fit.h"

namespace drover::train {
namespace {

constexpr std::int64_t kSmallest = 1024, kLargest = 2048, kApart = 256;
constexpr double kFilled = 0.85;
constexpr std::size_t kStepsLookedAt = 200;

}  // namespace

double packed_fill(std::span<const std::int64_t> sizes, std::span<const std::vector<std::int64_t>> steps, std::int64_t packed_tokens) {
  std::int64_t fewest = 0, taken = 0;
  for (const auto& step : steps.first(std::min(steps.size(), kStepsLookedAt))) {
    std::vector<std::int64_t> own;
    std::int64_t tokens = 0;
    for (const auto row : step) {
      own.push_back(sizes[static_cast<std::size_t>(row)]);
      tokens += own.back();
    }
    const auto passes = static_cast<std::int64_t>(model::best_fit(own, packed_tokens).size());
    taken += passes;
    fewest += std::min(passes, (tokens + packed_tokens - 1) / packed_tokens);  // a row larger than a pass has one of its own
  }
  return taken == 0 ? 1.0 : static_cast<double>(fewest) / static_cast<double>(taken);
}

std::int64_t chosen_packed_tokens(std::span<const std::int64_t> sizes, std::span<const std::vector<std::int64_t>> steps) {
  std::int64_t best = kSmallest;
  double best_fill = 0.0;
  for (std::int64_t tokens = kSmallest; tokens <= kLargest; tokens += kApart) {
    const double fill = packed_fill(sizes, steps, tokens);
    if (fill > best_fill) {
      best = tokens;
      best_fill = fill;
    }
    if (fill > kFilled) return tokens;
  }
  return best;
}

}  // namespace drover::train
