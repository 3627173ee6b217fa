#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ledger/ledger.h"

namespace drover::report {

/// A name and how often.
using Count = std::pair<std::string, std::int64_t>;

/// The keys of one round's stages, by their names without "round N / ".
struct RoundStages {
  std::int64_t number = 0;
  std::map<std::string, std::string> keys;
};

/// The rounds among a run's stages, in their order.
std::vector<RoundStages> rounds_of(const ledger::Ledger& ledger, const std::vector<std::string>& stage_keys);

/// From prompt to training row in one round, counted in the ledger's facts.
struct RoundCounts {
  std::int64_t number = 0;
  std::vector<Count> prompts;  ///< by capability
  // Preferences.
  std::int64_t compared_replies = 0;  ///< sampled to be compared
  std::int64_t edits = 0;             ///< edited replies, those that were not accepted among them
  std::vector<Count> levels;          ///< collected comparisons, in the order of levels, "none" first
  std::vector<Count> annotators;      ///< collected comparisons by who preferred
  std::int64_t three_way = 0;         ///< comparisons with an edited reply
  std::int64_t turns = 0;             ///< comparisons within dialogs of many turns
  std::int64_t imported = 0;          ///< comparisons from elsewhere
  std::int64_t leaked_imports = 0;    ///< left out: they hold a suite's prompt
  std::int64_t reward_rows = 0;
  std::int64_t dpo_rows = 0;
  std::int64_t overlong_prompts = 0;  ///< left out: they leave a model no room for a reply
  std::int64_t refused_rows = 0;  ///< comparisons and replies that gave reward model, SFT or DPO no row
  // Replies.
  std::int64_t sampled_replies = 0;  ///< of rejection sampling
  std::vector<Count> not_kept;       ///< of these, by reason
  std::int64_t best_replies = 0;
  std::int64_t synthetic = 0;
  std::vector<Count> curated_away;  ///< by rule, in the order of the rules' first use
  std::int64_t mixed = 0;           ///< different replies in the mix
  std::int64_t sft_rows = 0;        ///< with repeats

  std::int64_t num_prompts() const;
  std::int64_t num_comparisons() const;  ///< collected, with or without a preference
};

RoundCounts count_round(const ledger::Ledger& ledger, const RoundStages& stages);

}  // namespace drover::report
