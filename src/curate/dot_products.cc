#include "curate/dot_products.h"

namespace drover::curate {
namespace {

const DotProducts& best() {
  if (const auto* found = dot_products_avx512()) return *found;
  if (const auto* found = dot_products_avx2()) return *found;
  return *dot_products_portable();
}

}  // namespace

const DotProducts& dot_products() {
  static const DotProducts& chosen = best();
  return chosen;
}

void RowPanels::add(const float* row) {
  const std::int64_t lane = num_rows_ % kWidth;
  if (lane == 0) values_.resize(static_cast<std::size_t>((num_panels() + 1) * kWidth * dimension_), 0.0F);
  float* const panel = values_.data() + num_rows_ / kWidth * kWidth * dimension_;
  for (std::int64_t k = 0; k < dimension_; ++k) panel[k * kWidth + lane] = row[k];
  ++num_rows_;
}

void RowPanels::clear() {
  values_.clear();
  num_rows_ = 0;
}

void RowPanels::reserve(std::int64_t rows) {
  values_.reserve(static_cast<std::size_t>((rows + kWidth - 1) / kWidth * kWidth * dimension_));
}

}  // namespace drover::curate
