#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ledger/ledger.h"

namespace drover::report {

/// What rejection sampling found for one capability.
struct CapabilityDraws {
  std::string capability;
  std::int64_t prompts = 0;
  std::int64_t answered = 0;  ///< prompts of which a reply was kept
  std::int64_t replies = 0;
  std::int64_t checked = 0;  ///< replies that a checker looked at
  std::int64_t right = 0;
  std::int64_t checked_kept = 0;
  std::int64_t right_kept = 0;
  std::vector<double> rewards{};       ///< of all replies that took part
  std::vector<double> kept_rewards{};  ///< of the kept ones
};

/// The scores of one round's rejection sampling.
struct RewardSpread {
  std::int64_t round = 0;
  std::vector<CapabilityDraws> capabilities{};  ///< by name

  std::vector<double> rewards() const;
  std::vector<double> kept_rewards() const;
};

/// `stage`: the key of a "reject" stage.
RewardSpread reward_spread(const ledger::Ledger& ledger, std::int64_t round, const std::string& stage);

/// The mean; empty for no values.
std::optional<double> mean_of(const std::vector<double>& values);

}  // namespace drover::report
