#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "model/token_tree.h"

namespace drover::train {

/// How a reward row lays out a prompt and its responses. The order of `learned` is the same in all, best first.
enum class RewardLayout {
  kTree,      ///< the prompt once, each response below it: the numbers of separate rows
  kCausal,    ///< the prompt and all responses, shuffled, as one plain sequence: the Llama 3 report's approximation (4.1.2)
  kSeparate,  ///< the prompt once for each response: the slow reference
};

/// "tree", "causal", "separate".
std::string_view name_of(RewardLayout layout);
std::optional<RewardLayout> reward_layout_of(std::string_view name);

/// The row that `reward_row` made, in another layout. The shuffle of kCausal depends on the seed and the row's tokens alone.
model::TokenRow lay_out(const model::TokenRow& tree, RewardLayout layout, std::uint64_t seed);

}  // namespace drover::train
