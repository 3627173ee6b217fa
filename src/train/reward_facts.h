#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "chat/preference_row.h"
#include "model/token_tree.h"

namespace drover::train {

/// What tells a reward row's pairs apart: in metrics, and for `RewardOptions::lowest_level`.
struct RewardFacts {
  std::vector<chat::PreferenceLevel> levels{};  ///< levels[i]: between response i and response i + 1, best first
  std::vector<std::int64_t> lengths{};          ///< tokens of each response
};

/// Of the row that `reward_row` made of `preference`.
RewardFacts reward_facts(const model::TokenRow& tree, const chat::PreferenceRow& preference);

/// The row without the comparisons below `lowest`: responses that stand between two kept ones stay together, so what is left is the
/// longest run of responses whose neighbours are all at least that far apart; nothing when there is none. Of equally long runs the
/// first is taken.
std::optional<chat::PreferenceRow> clear_part(const chat::PreferenceRow& preference, chat::PreferenceLevel lowest);

}  // namespace drover::train
