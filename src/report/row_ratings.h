#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ledger/facts.h"

namespace drover::report {

/// What curation found about the replies of one round: how many are of a topic, or how hard a capability's are.
struct RowRating {
  enum class Kind {
    kTopic,      ///< `name` is "coarse / fine"
    kDifficulty  ///< `name` is a capability, `value` the mean of the judge's points: 1 (easy) to 3 (hard)
  };
  Kind kind = Kind::kTopic;
  std::string stage{};  ///< "round 1 / curate"
  std::string name{};
  double value = 0;
  std::int64_t count = 0;
};

std::vector<RowRating> row_ratings(const std::string& stage, const std::vector<ledger::Metric>& metrics);

}  // namespace drover::report
