#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace drover::curate {

/// Rows that stand side by side in panels of 16, so that one row's dot products with all 16 are made at once:
/// panel[p][k][lane] is number k of row 16 p + lane. Rows that are missing in the last panel are zero.
class RowPanels {
 public:
  static constexpr std::int64_t kWidth = 16;

  explicit RowPanels(std::int64_t dimension) : dimension_(dimension) {}

  void add(const float* row);
  void clear();
  void reserve(std::int64_t rows);
  std::int64_t num_rows() const { return num_rows_; }
  std::int64_t num_panels() const { return (num_rows_ + kWidth - 1) / kWidth; }
  std::int64_t dimension() const { return dimension_; }
  const float* panel(std::int64_t index) const { return values_.data() + index * kWidth * dimension_; }

 private:
  std::int64_t dimension_;
  std::int64_t num_rows_ = 0;
  std::vector<float> values_;
};

/// Dot products of rows with panels, for the best instruction set that this processor has.
struct DotProducts {
  /// out[r][lane] = dot product of rows[r] and row `lane` of the panel, for `count` rows of `dimension` numbers that
  /// lie one after the other; each in the order of its numbers. out: [count][16].
  void (*with_panel)(const float* rows, std::int64_t count, std::int64_t dimension, const float* panel, float* out);
  const char* name;
};

const DotProducts& dot_products();

/// The same for the instruction sets apart; null where this build or this processor lacks them. For tests.
const DotProducts* dot_products_avx512();
const DotProducts* dot_products_avx2();
const DotProducts* dot_products_portable();

}  // namespace drover::curate
