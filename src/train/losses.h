#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <vector>

#include "train/ranked_pairs.h"
#include "train/trainer.h"

namespace drover::train {

// Every loss here is a part of a step's loss: it sums over the rows at hand and divides by counts of the whole step, so that the parts
// of a step add up to the same number however its rows are packed. All compute in the type of their inputs (float32 in training).

/// Cross entropy: -sum(weights * log_probs) / total_weight. `log_probs`, `weights`: [learned]; `total_weight` of the whole step, > 0
/// (checked).
at::Tensor sft_loss(const at::Tensor& log_probs, const at::Tensor& weights, double total_weight);

/// Binary cross entropy of probabilities `labels` under `logits`, both [labelled], over `num_labels` of the whole step:
/// -sum(label log sigmoid(logit) + (1 - label) log sigmoid(-logit)) / num_labels.
at::Tensor binary_loss(const at::Tensor& logits, const at::Tensor& labels, double num_labels);

/// Cross entropy of the classes `labels` [labelled] int64 under `logits` [labelled, classes], over `num_labels` of the whole step.
at::Tensor class_loss(const at::Tensor& logits, const at::Tensor& labels, double num_labels);

/// The responses of a row and which of them are compared.
struct RowPairs {
  std::int64_t responses = 0;
  std::vector<RankedPair> pairs{};
};

/// -log sigmoid(better - worse) + centring * (better + worse)^2, averaged over the pairs of each row, summed over rows and divided by
/// `num_rows` of the whole step. `rewards`: [responses], row after row, best first in each. Each row has a pair (checked).
at::Tensor reward_loss(const at::Tensor& rewards, std::span<const RowPairs> rows, std::int64_t num_rows, double centring = 0.0);

/// The same over all ordered pairs of each row; `responses_per_row` says where rows end.
at::Tensor reward_loss(const at::Tensor& rewards, std::span<const std::int64_t> responses_per_row, std::int64_t num_rows,
                       double centring = 0.0);

/// What each pair's two responses have: log-probabilities summed over the tokens that count, in nats, or the number of these tokens.
/// Both [pairs].
struct PairValues {
  at::Tensor chosen;
  at::Tensor rejected;
};

/// beta times the difference of the log ratios of chosen and rejected (the margin of implicit rewards): [pairs]. With
/// `length_normalised` each log ratio is divided by its `lengths`.
at::Tensor dpo_margins(const PairValues& policy, const PairValues& reference, const PairValues& lengths, const DpoOptions& options);

/// The preference term of each pair, [pairs]: -log sigmoid(margin) (Rafailov et al. 2023, eq. 7), with label smoothing and DPOP's
/// penalty when options ask for them; or IPO's squared distance. Gradients reach `policy` only.
at::Tensor dpo_losses(const PairValues& policy, const PairValues& reference, const PairValues& lengths, const DpoOptions& options);

}  // namespace drover::train
