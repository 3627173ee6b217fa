#include "report/row_ratings.h"

namespace drover::report {

std::vector<RowRating> row_ratings(const std::string& stage, const std::vector<ledger::Metric>& metrics) {
  std::vector<RowRating> ratings;
  for (const auto& metric : metrics) {
    if (metric.name != "topic" && metric.name != "difficulty") continue;
    ratings.push_back({.kind = metric.name == "topic" ? RowRating::Kind::kTopic : RowRating::Kind::kDifficulty,
                       .stage = stage,
                       .name = metric.subject,
                       .value = metric.value,
                       .count = metric.count});
  }
  return ratings;
}

}  // namespace drover::report
