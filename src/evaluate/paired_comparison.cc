#include "evaluate/paired_comparison.h"

#include "base/error.h"
#include "base/proportion.h"

namespace drover::evaluate {
PairedComparison compare_paired(const std::vector<bool>& first_right, const std::vector<bool>& second_right) {
  DROVER_CHECK_EQ(first_right.size(), second_right.size(), "A paired test needs the same prompts");
  PairedComparison result;
  for (std::size_t i = 0; i < first_right.size(); ++i) {
    if (first_right[i] && second_right[i]) ++result.both_right;
    if (first_right[i] && !second_right[i]) ++result.only_first;
    if (!first_right[i] && second_right[i]) ++result.only_second;
    if (!first_right[i] && !second_right[i]) ++result.both_wrong;
  }
  result.p_value = base::paired_p_value(result.only_first, result.only_second);
  return result;
}

}  // namespace drover::evaluate
