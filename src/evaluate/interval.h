#pragma once

#include "base/proportion.h"

namespace drover::evaluate {

using base::Interval;
using base::wilson_interval;

}  // namespace drover::evaluate
