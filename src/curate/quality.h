#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "curate/decision.h"
#include "curate/row.h"

namespace drover::curate {

/// The most points of the report's judges (4.2.3): accuracy, instruction following and tone; of code, bug
/// identification and user intention.
inline constexpr std::int64_t kMostGeneralPoints = 3;
inline constexpr std::int64_t kMostCodePoints = 2;
inline constexpr std::int64_t kMostDifficultyPoints = 3;

std::int64_t most_points(const Row& row);

struct QualityOptions {
  double reward_share = 0.25;  ///< of a capability's rewards that count as high: the top quartile (the report, 4.2.3);
                               ///< 0 leaves rewards out
  bool use_judge = true;       ///< a judge's maximum counts as high, too
  void validate() const;       ///< throws UserError naming the field, its value and its range
};

/// Keeps rows of high quality: those whose reward is in the top share of their capability, or to which the judge gives
/// all its points; the two often disagree, and their union finds most. Of n rows of a capability that have a reward,
/// the ceil(share * n) largest rewards count, and all that equal the smallest of them. A row without reward and points
/// is not kept: unknown is not high. The rules are "reward", "judge", "reward and judge" and, of rows that go, "low
/// quality" or "no score".
std::vector<Decision> high_quality(std::span<const Row> rows, const QualityOptions& options = {});

}  // namespace drover::curate
