#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace drover::train {

/// One optimizer step, as it can be doubted: printed by the command line, stored by the ledger, collected by tests.
struct StepReport {
  std::int64_t step = 0;          ///< from 1
  std::int64_t total_steps = 0;
  double loss = 0.0;              ///< of the step's rows, before its update
  double grad_norm = 0.0;         ///< global, before clipping
  double learning_rate = 0.0;
  std::int64_t rows = 0;
  std::int64_t tokens = 0;        ///< of the step's rows, learned or not
  double tokens_per_second = 0.0;
  std::optional<double> loss_z = {};          ///< standard deviations above the mean of up to 64 losses before; see LossMonitor
  std::optional<double> grad_norm_z = {};     ///< the same of the gradient's norm
  std::vector<std::int64_t> row_indices = {};  ///< the step's rows, in order, from 0
  std::int64_t memory_bytes = 0;               ///< that the process holds after the step
  std::int64_t peak_memory_bytes = 0;          ///< the most that it ever held
  /// SFT and LM: nll, learned_tokens. Reward: accuracy, margin, reward, and what
  /// RewardOptions::facts says. DPO: chosen_log_prob, rejected_log_prob (sums a response, means
  /// over pairs), margin (beta times the difference of the log ratios), accuracy, nll, kl (an estimate of the divergence of the reference
  /// from the policy in nats a response: the mean of reference minus policy, as if responses were samples of the reference). Outcome and
  /// steps: accuracy, accuracy_right, accuracy_wrong, labels, probability (mean). Classify: accuracy, accuracy_NAME, labels.
  std::map<std::string, double> metrics;
};

using OnStep = std::function<void(const StepReport&)>;

}  // namespace drover::train
