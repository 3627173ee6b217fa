#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

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
  /// SFT and LM: nll, learned_tokens. Reward: accuracy, margin, reward. DPO: chosen_log_prob, rejected_log_prob (sums a response, means
  /// over pairs), margin (beta times the difference of the log ratios), accuracy, nll.
  std::map<std::string, double> metrics;
};

using OnStep = std::function<void(const StepReport&)>;

}  // namespace drover::train
