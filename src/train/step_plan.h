#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "train/train_options.h"

namespace drover::train {

/// Which rows each step takes: a pure function of the rows' sizes, the options and the seed, so that a run which stops can go on where
/// it was. Each pass over the rows has its own order; a step may reach into the next pass. With `steps` = 0 the last step takes what is
/// left of `epochs` passes. `sizes`: tokens of each row; not empty (checked). Throws UserError when the steps take rows more than 1e8 times.
std::vector<std::vector<std::int64_t>> plan_steps(std::span<const std::int64_t> sizes, const TrainOptions& options);

}  // namespace drover::train
