#pragma once

#include <cstdint>
#include <vector>

namespace drover::evaluate {

/// Two models on the same prompts.
struct PairedComparison {
  std::int64_t both_right = 0;
  std::int64_t only_first = 0;
  std::int64_t only_second = 0;
  std::int64_t both_wrong = 0;
  double p_value = 1;  ///< two-sided: how often chance alone splits the prompts that differ at least so unevenly
};

/// McNemar's exact test: prompts on which both agree say nothing; the others split like coin tosses when the models are
/// equally good. The lists are parallel, one entry a prompt (checked).
PairedComparison compare_paired(const std::vector<bool>& first_right, const std::vector<bool>& second_right);

}  // namespace drover::evaluate
