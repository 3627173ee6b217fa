#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace drover::report {

/// One model on one suite, in the order of evaluation.
struct AccuracyLine {
  std::string stage;
  std::string model_name;
  std::string model;  ///< hash
  std::string suite;
  double accuracy = 0;
  double low = 0;  ///< 95% interval
  double high = 0;
  std::int64_t count = 0;
  std::optional<double> p_value;  ///< exact paired test against the best model of the start; empty for the start itself
};

/// What a run changed on one suite.
struct ScoreChange {
  AccuracyLine before;  ///< the best model of the start on this suite
  AccuracyLine after;
  std::optional<double> corrected_p;  ///< Holm's over all suites; empty without a test

  double difference() const { return after.accuracy - before.accuracy; }
  /// Whether the difference is beyond chance at 95% after the correction.
  bool is_clear() const { return corrected_p && *corrected_p < 0.05; }
};

/// From the start to the model with this hash, losses first, the largest first. Suites on which either was not measured
/// are left out.
std::vector<ScoreChange> score_changes(const std::vector<AccuracyLine>& lines, const std::string& model);

}  // namespace drover::report
