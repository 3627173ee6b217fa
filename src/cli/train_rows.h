#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "chat/dialog_file.h"
#include "cli/train_arguments.h"
#include "model/model.h"
#include "model/token_tree.h"
#include "train/labelled_rows.h"
#include "train/learned_rows.h"
#include "train/reward_facts.h"

namespace drover::cli {

/// The rows of one training: one of the three lists is filled, by kind.
struct TrainRows {
  std::vector<model::TokenRow> rows;          ///< sft, lm, reward
  std::vector<train::RewardFacts> facts;      ///< reward, beside `rows`
  std::vector<train::DpoRow> pairs;           ///< dpo
  std::vector<train::LabelledRow> labelled;   ///< outcome, steps, classify
  std::vector<std::string> classes;           ///< classify
  std::vector<std::int64_t> lines;            ///< where each row stood in the file
  std::int64_t num_unclear = 0;               ///< comparisons left out because their level is too low
  std::int64_t num_cut = 0;                   ///< documents that were cut
  std::int64_t num_pieces = 0;                ///< what they were cut into
  std::int64_t max_tokens = 0;                ///< of a row
  std::vector<chat::BadRow> bad_rows;         ///< rows that were skipped

  std::int64_t size() const { return static_cast<std::int64_t>(lines.size()); }
  const model::TokenRow& tree(std::int64_t index) const;
};

/// Reads the data file. Throws UserError "FILE, line N: REASON" at the first row that cannot be read or learned, unless such rows are
/// skipped, and when no row is left.
TrainRows read_train_rows(const TrainArguments& arguments, const model::Model& start);

}  // namespace drover::cli
