#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace drover::train {

void Schedule::validate() const {
  if (warmup_steps < 0) throw base::UserError("warmup_steps = {} is not possible: it must be 0 (off) or a number of steps.", warmup_steps);
  if (!(final_share >= 0.0 && final_share <= 1.0)) {
    throw base::UserError("final_share = {} is not possible: it is the last step's part of the peak learning rate, from 0 to 1.",
                          final_share);
  }
}

std::string_view name_of(Schedule::Shape shape) {
  switch (shape) {
    case Schedule::Shape::kConstant: return "constant";
    case Schedule::Shape::kLinear: return "linear";
    case Schedule::Shape::kCosine: return "cosine";
  }
  return "unknown";
}

std::optional<Schedule::Shape> schedule_shape_of(std::string_view name) {
  for (const auto shape : {Schedule::Shape::kConstant, Schedule::Shape::kLinear, Schedule::Shape::kCosine}) {
    if (name == name_of(shape)) return shape;
  }
  return std::nullopt;
}

double share_at(const Schedule& schedule, std::int64_t step, std::int64_t total_steps) {
  const auto warmup = schedule.warmup_steps;
  if (step < warmup) return static_cast<double>(step + 1) / static_cast<double>(warmup + 1);
  // 0 at the first step after the warm-up, 1 at the last step of the run.
  const auto last = total_steps - 1 - warmup;
  const double progress = last <= 0 ? 0.0 : std::min(1.0, static_cast<double>(step - warmup) / static_cast<double>(last));
  const double fall = 1.0 - schedule.final_share;
  switch (schedule.shape) {
    case Schedule::Shape::kConstant: return 1.0;
    case Schedule::Shape::kLinear: return 1.0 - fall * progress;
    case Schedule::Shape::kCosine: return schedule.final_share + fall * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
  }
  return 1.0;
}

}  // namespace drover::train
