#pragma once

#include <span>
#include <vector>

#include "model/model.h"
#include "model/token_tree.h"
#include "train/ranked_pairs.h"

namespace drover::train {

/// The mean natural-log probability of all learned tokens of the rows: minus the loss that `train_sft` reports for them as one step.
/// Throws UserError when there are none, or the model has no language head.
double mean_log_prob(const model::Model& model, std::span<const model::TokenRow> rows);

/// Minus the loss that `train_reward` reports for these rows (`reward_row`) as one step: the mean over rows of the mean over a row's pairs
/// of log sigmoid(better - worse). `pairs`: which count, of each row. Throws UserError when there are no rows, or the model has no reward head.
double mean_ranking_log_prob(const model::Model& model, std::span<const model::TokenRow> rows, std::span<const std::vector<RankedPair>> pairs);

}  // namespace drover::train
