#pragma once

#include <string>

#include "report/training_curves.h"

namespace drover::report {

/// Curves over the steps of training runs in one picture with axes and a caption that says where each begins and ends.
/// Values that are no numbers are left out; long curves are drawn as means of neighbouring steps.
std::string curve_picture(const CurveGroup& group);

}  // namespace drover::report
