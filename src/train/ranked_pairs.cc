#include "train/ranked_pairs.h"

#include <algorithm>

#include "base/error.h"

namespace drover::train {

chat::PreferenceLevel level_between(std::span<const chat::PreferenceLevel> levels, std::size_t better, std::size_t worse) {
  DROVER_CHECK(better < worse && worse <= levels.size(), "Responses {} and {} are a pair of {}", better, worse, levels.size() + 1);
  return std::ranges::max(levels.subspan(better, worse - better));
}

std::vector<RankedPair> all_pairs(std::int64_t responses) {
  std::vector<RankedPair> pairs;
  for (std::int64_t better = 0; better < responses; ++better) {
    for (std::int64_t worse = better + 1; worse < responses; ++worse) pairs.push_back({better, worse});
  }
  return pairs;
}

std::vector<RankedPair> clear_pairs(std::span<const chat::PreferenceLevel> levels, chat::PreferenceLevel lowest) {
  auto pairs = all_pairs(static_cast<std::int64_t>(levels.size()) + 1);
  std::erase_if(pairs, [&](const RankedPair& pair) {
    return level_between(levels, static_cast<std::size_t>(pair.better), static_cast<std::size_t>(pair.worse)) < lowest;
  });
  return pairs;
}

}  // namespace drover::train
