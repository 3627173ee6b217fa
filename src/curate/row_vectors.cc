#include "curate/row_vectors.h"

#include <cmath>

#include "base/error.h"

namespace drover::curate {

void RowVectors::normalise() {
  for (std::int64_t i = 0; i < count(); ++i) {
    float* const numbers = row(i);
    double square = 0.0;
    for (std::int64_t k = 0; k < dimension; ++k)
      square += static_cast<double>(numbers[k]) * static_cast<double>(numbers[k]);
    if (!std::isfinite(square)) throw base::UserError("The vector of row {} holds a number that is not finite.", i + 1);
    if (square == 0.0) continue;
    const double scale = 1.0 / std::sqrt(square);
    for (std::int64_t k = 0; k < dimension; ++k)
      numbers[k] = static_cast<float>(static_cast<double>(numbers[k]) * scale);
  }
}

}  // namespace drover::curate
