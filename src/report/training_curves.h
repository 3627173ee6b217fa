#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ledger/facts.h"

namespace drover::report {

/// One number over the steps of one training run.
struct Curve {
  std::string name;                                       ///< of the model
  std::vector<std::pair<std::int64_t, double>> points{};  ///< step and value, by step
};

/// The same number of all variants of a stage.
struct CurveGroup {
  std::string stage;     ///< "round 1 / dpo"
  std::string quantity;  ///< "loss", "margin", "accuracy"
  std::vector<Curve> curves{};
};

/// The loss of a training stage, and the margin and accuracy where its trainer says them, from the stage's metrics.
/// Steps that were recorded twice (the stage was done again) count once, the later ones.
std::vector<CurveGroup> training_curves(const std::string& stage, const std::vector<ledger::Metric>& metrics);

}  // namespace drover::report
