#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace drover::train {

/// The most that one pass of a run holds; two passes may hold the one and the other.
struct PassSizes {
  std::int64_t tokens = 0;
  std::int64_t learned = 0;  ///< learned positions
};

/// Over all passes of all steps, when each step's rows are packed to `packed_tokens`. `sizes`, `learned`: tokens and learned positions of each
/// row; `steps`: which rows each step takes. After the first million of rows that steps take, rows count alone, as a pass larger than
/// `packed_tokens` always does.
PassSizes largest_passes(std::span<const std::int64_t> sizes, std::span<const std::int64_t> learned, std::span<const std::vector<std::int64_t>> steps,
                         std::int64_t packed_tokens);

}  // namespace drover::train
