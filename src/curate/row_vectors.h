#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace drover::curate {

/// One vector a row, one after the other: [count][dimension] float32.
struct RowVectors {
  std::int64_t dimension = 0;
  std::vector<float> values = {};

  std::int64_t count() const { return dimension == 0 ? 0 : static_cast<std::int64_t>(values.size()) / dimension; }
  const float* row(std::int64_t index) const { return values.data() + index * dimension; }
  float* row(std::int64_t index) { return values.data() + index * dimension; }

  /// Gives each vector length 1. A vector of zeros stays as it is: it is similar to none. Throws UserError naming the
  /// row when a number is not finite.
  void normalise();
};

}  // namespace drover::curate
