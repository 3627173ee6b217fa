#pragma once

#include "base/random_stream.h"
#include "curate/row_vectors.h"

namespace drover::curate {

/// Rows around `topics` random directions, each `spread` away from its own.
inline RowVectors random_vectors(std::int64_t count, std::int64_t dimension, std::int64_t topics, double spread,
                                 std::uint64_t seed) {
  base::RandomStream random(seed, "vectors");
  RowVectors centres{.dimension = dimension,
                     .values = std::vector<float>(static_cast<std::size_t>(topics * dimension))};
  for (auto& number : centres.values) number = static_cast<float>(random.normal());
  RowVectors vectors{.dimension = dimension, .values = std::vector<float>(static_cast<std::size_t>(count * dimension))};
  for (std::int64_t i = 0; i < count; ++i) {
    const float* const centre =
        centres.row(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(topics))));
    for (std::int64_t k = 0; k < dimension; ++k)
      vectors.row(i)[k] = centre[k] + static_cast<float>(spread * random.normal());
  }
  return vectors;
}

}  // namespace drover::curate
