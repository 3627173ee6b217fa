#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace drover::train {

/// How well rows fill the passes of their steps: the fewest passes that could hold their tokens, as a share of those that packing to
/// `packed_tokens` takes. `sizes`: tokens of each row; `steps`: which rows each step takes (of many steps, the first count).
double packed_fill(std::span<const std::int64_t> sizes, std::span<const std::vector<std::int64_t>> steps, std::int64_t packed_tokens);

/// The smallest of 1024, 1280 ... 2048 tokens that is filled above 85%, or else the one that is filled best: two rows of 600 tokens leave
/// much of 1024 empty and fill 1280. Only memory and speed depend on it.
std::int64_t chosen_packed_tokens(std::span<const std::int64_t> sizes, std::span<const std::vector<std::int64_t>> steps);

}  // namespace drover::train
