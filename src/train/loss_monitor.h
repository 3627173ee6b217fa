#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace drover::train {

/// Watches the losses and gradients of a run's steps: how unusual one is, and whether it makes sense to go on.
class LossMonitor {
 public:
  /// How many standard deviations the loss lies above the mean of up to 64 losses before it; nothing while there are fewer than 8, or
  /// they are all equal.
  std::optional<double> z_score(double loss) const;
  /// The same of a gradient's norm among those before it.
  std::optional<double> z_score_of_norm(double grad_norm) const;

  /// Takes a step into account.
  void add(double loss, double grad_norm);

  /// The loss of the step that was added last.
  std::optional<double> last() const { return losses_.empty() ? std::nullopt : std::optional(losses_.back()); }

  /// Why the run should stop, as the end of a sentence, or nothing. It explodes: the mean of the last 16 losses is both four times the
  /// lowest mean of 16 and 2 above it. It does not move: 20 losses are equal to the last bit, or 10 gradients are zero, and the loss is
  /// not zero.
  std::optional<std::string> reason_to_stop() const;

  /// After 256 steps, and only then: a warning, as the end of a sentence, when the mean of the last 64 losses does not lie below that of the
  /// first 64 by two standard errors. No reason to stop, since data that the model knows well also look so.
  std::optional<std::string> reason_to_doubt() const;

  /// Everything that the answers depend on, and back.
  std::vector<double> state() const;
  void restore(const std::vector<double>& state);

 private:
  double recent_mean() const;

  std::deque<double> losses_;  // the last 64
  std::deque<double> norms_;   // of the same steps
  double lowest_mean_ = 0.0;   // of 16 consecutive losses; counts once 16 were seen
  double first_sum_ = 0.0, first_squares_ = 0.0;  // of the first 64 losses
  double num_seen_ = 0.0;
  double num_equal_ = 0.0;     // how many of the last losses are the same
  double num_zero_ = 0.0;      // how many of the last gradients are zero
};

}  // namespace drover::train
