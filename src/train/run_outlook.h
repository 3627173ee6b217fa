#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace drover::train {

/// What a run says before its first step.
struct RunOutlook {
  std::int64_t rows = 0;
  std::int64_t tokens = 0;           ///< of all rows
  std::int64_t tokens_unshared = 0;  ///< what they would be if every response had a copy of its prompt
  std::int64_t learned = 0;          ///< learned positions of all rows
  std::int64_t parameters = 0;          ///< of the model
  std::int64_t parameters_learned = 0;  ///< numbers that learn: all of these, or an adapter's
  std::int64_t steps = 0;            ///< of the whole run
  std::int64_t steps_done = 0;       ///< before it was continued
  std::optional<double> loss_before = {};  ///< of the last of them
  std::int64_t step_tokens = 0;      ///< of all steps together
  std::int64_t reference_tokens = 0; ///< of the pass over a reference policy that comes first (DPO); 0 where its results are known
  std::int64_t packed_tokens = 0;    ///< what rows are packed to
  double packed_fill = 1.0;          ///< the fewest passes that could hold the rows of the steps, as a share of those they take
  std::int64_t largest_row = 0;      ///< tokens of the largest packed row of all steps
  std::int64_t predicted_peak_bytes = 0;  ///< the most memory that the process will hold
  double predicted_seconds = 0.0;         ///< for the steps that are left, updates included, and the reference pass; from the time of a row of middle size
};

using OnStart = std::function<void(const RunOutlook&)>;

}  // namespace drover::train
