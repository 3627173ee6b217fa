#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace drover::train {

/// How the learning rate moves over a run: a linear warm-up, then a shape down to a share of the peak.
struct Schedule {
  enum class Shape { kConstant, kLinear, kCosine };
  Shape shape = Shape::kCosine;
  std::int64_t warmup_steps = 0;  ///< >= 0; step 0 has 1/(warmup_steps + 1) of the peak
  double final_share = 0.1;       ///< in [0, 1]: what the last step has of the peak; not used by kConstant

  void validate() const;
};

std::string_view name_of(Schedule::Shape shape);
/// "constant", "linear", "cosine".
std::optional<Schedule::Shape> schedule_shape_of(std::string_view name);

/// The learning rate's share of its peak at `step` (from 0) of `total_steps`, in [0, 1]; 0 only where final_share is.
double share_at(const Schedule& schedule, std::int64_t step, std::int64_t total_steps);

}  // namespace drover::train
