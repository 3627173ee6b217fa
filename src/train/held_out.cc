#include "train/held_out.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "model/heads.h"
#include "model/log_probs.h"
#include "model/scores.h"

namespace drover::train {
namespace {

/// Without overflow.
double log_sigmoid(double x) { return x < 0 ? x - std::log1p(std::exp(x)) : -std::log1p(std::exp(-x)); }

}  // namespace

double mean_log_prob(const model::Model& model, std::span<const model::TokenRow> rows) {
  double sum = 0;
  std::size_t count = 0;
  for (const auto& row : rows) {
    for (const float value : model::log_probs(model, row)) sum += static_cast<double>(value);
    count += row.learned.size();
  }
  if (count == 0) throw base::UserError("The held-out rows have no token to predict.");
  return sum / static_cast<double>(count);
}

double mean_ranking_log_prob(const model::Model& model, std::span<const model::TokenRow> rows, std::span<const std::vector<RankedPair>> pairs) {
  if (rows.empty()) throw base::UserError("There are no held-out rows to rank.");
  DROVER_CHECK_EQ(pairs.size(), rows.size(), "Every row has its pairs");
  if (model.config().head.kind != model::HeadKind::kReward) {
    throw base::UserError("Held-out preferences need a model with a reward head, this one has a {} head.", model::name_of(model.config().head.kind));
  }
  double sum = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<std::int64_t> ends;
    for (const auto& entry : rows[i].learned) ends.push_back(entry.position);
    const auto rewards = model::scores(model, rows[i], ends);
    const auto reward = [&rewards](std::int64_t response) { return static_cast<double>(rewards[static_cast<std::size_t>(response)][0]); };
    double of_row = 0;
    for (const auto& pair : pairs[i]) of_row += log_sigmoid(reward(pair.better) - reward(pair.worse));
    sum += of_row / static_cast<double>(pairs[i].size());
  }
  return sum / static_cast<double>(rows.size());
}

}  // namespace drover::train
