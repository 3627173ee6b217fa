#include "train/losses.h"

#include <utility>
#include <vector>

#include "base/error.h"

namespace drover::train {

at::Tensor sft_loss(const at::Tensor& log_probs, const at::Tensor& weights, double total_weight) {
  DROVER_CHECK(total_weight > 0.0, "Nothing is learned: the weights sum to {}", total_weight);
  return -(log_probs * weights).sum() / total_weight;
}

at::Tensor binary_loss(const at::Tensor& logits, const at::Tensor& labels, double num_labels) {
  DROVER_CHECK(num_labels > 0.0, "Nothing is learned: there are {} labels", num_labels);
  // -y log sigmoid(x) - (1 - y) log sigmoid(-x) = softplus(x) - y x, which does not overflow.
  return (at::softplus(logits) - labels * logits).sum() / num_labels;
}

at::Tensor class_loss(const at::Tensor& logits, const at::Tensor& labels, double num_labels) {
  DROVER_CHECK(num_labels > 0.0, "Nothing is learned: there are {} labels", num_labels);
  return -at::log_softmax(logits, 1).gather(1, labels.unsqueeze(1)).sum() / num_labels;
}

at::Tensor reward_loss(const at::Tensor& rewards, std::span<const std::int64_t> responses_per_row, std::int64_t num_rows, double centring) {
  std::vector<RowPairs> rows;
  for (const auto responses : responses_per_row) rows.push_back({responses, all_pairs(responses)});
  return reward_loss(rewards, rows, num_rows, centring);
}

at::Tensor reward_loss(const at::Tensor& rewards, std::span<const RowPairs> rows, std::int64_t num_rows, double centring) {
  std::vector<std::int64_t> better, worse;
  std::vector<double> shares;  // what a pair weighs: 1 / pairs of its row
  std::int64_t first = 0;
  for (const auto& row : rows) {
    DROVER_CHECK(!row.pairs.empty(), "A row of {} responses has no pair", row.responses);
    for (const auto& pair : row.pairs) {
      better.push_back(first + pair.better);
      worse.push_back(first + pair.worse);
      shares.push_back(1.0 / static_cast<double>(row.pairs.size()));
    }
    first += row.responses;
  }
  DROVER_CHECK_EQ(first, rewards.size(0), "Every reward belongs to a row");
  const auto at_indices = [&rewards](const std::vector<std::int64_t>& indices) {
    return rewards.index_select(0, at::tensor(indices, at::kLong).to(rewards.device()));
  };
  const auto high = at_indices(better);
  const auto low = at_indices(worse);
  auto losses = at::softplus(low - high);
  if (centring != 0.0) losses = losses + centring * (high + low).square();
  return (losses * at::tensor(shares, at::kDouble).to(rewards.options())).sum() / static_cast<double>(num_rows);
}

namespace {

at::Tensor log_ratio(const at::Tensor& policy, const at::Tensor& reference, const at::Tensor& lengths, const DpoOptions& options) {
  const auto ratio = policy - reference.detach();
  return options.length_normalised ? ratio / lengths : ratio;
}

}  // namespace

at::Tensor dpo_margins(const PairValues& policy, const PairValues& reference, const PairValues& lengths, const DpoOptions& options) {
  return options.beta * (log_ratio(policy.chosen, reference.chosen, lengths.chosen, options) -
                         log_ratio(policy.rejected, reference.rejected, lengths.rejected, options));
}

at::Tensor dpo_losses(const PairValues& policy, const PairValues& reference, const PairValues& lengths, const DpoOptions& options) {
  auto margins = dpo_margins(policy, reference, lengths, options);
  if (options.positive_weight > 0.0) {
    const auto fall = at::relu(-log_ratio(policy.chosen, reference.chosen, lengths.chosen, options));
    margins = margins - options.beta * options.positive_weight * fall;
  }
  // `margins` are beta times the difference of log ratios.
  if (options.loss == DpoLoss::kIpo) return (margins / options.beta - 1.0 / (2.0 * options.beta)).square();
  // -log sigmoid(x) = softplus(-x), which does not overflow.
  const auto as_labelled = at::softplus(-margins);
  if (options.label_smoothing == 0.0) return as_labelled;
  return (1.0 - options.label_smoothing) * as_labelled + options.label_smoothing * at::softplus(margins);
}

}  // namespace drover::train
