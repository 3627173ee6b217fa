#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace drover::model {

/// What AdamW keeps of a parameter beside the weights.
enum class Kept { kMaster, kGradient, kFirstMoment, kSecondMoment, kWeights };

/// Where each row or column of a laid-out matrix comes from: an index into the named parameters' rows (one below the other) or columns,
/// or -1 for padding.
using Places = std::vector<std::int64_t>;

/// Where a row of parameters that lie one below the other is: which of them, and its row there.
inline std::pair<std::size_t, std::int64_t> part_of(std::int64_t row, const std::vector<std::int64_t>& heights) {
  std::size_t part = 0;
  for (; row >= heights[part]; ++part) row -= heights[part];
  return {part, row};
}

}  // namespace drover::model
