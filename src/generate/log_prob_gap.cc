#include "generate/log_prob_gap.h"

#include <algorithm>
#include <cmath>

#include "model/token_tree.h"

namespace drover::generate {

void add_log_prob_gaps(model::TrainingLogProbs& training, const GenerationResult& result, std::vector<double>& gaps) {
  model::TokenRow row;
  const auto root = row.add_segment(-1, result.prompt_ids);
  for (const auto& response : result.responses) {
    const auto child = row.add_segment(root, response.ids);
    const auto begin = row.segments[static_cast<std::size_t>(child)].begin;
    for (std::size_t i = 0; i < response.ids.size(); ++i) {
      const auto before = i == 0 ? row.position_before(child) : begin + static_cast<std::int64_t>(i) - 1;
      row.learned.push_back({.position = before, .target = response.ids[i]});
    }
  }
  if (row.learned.empty()) return;
  const auto trained = training(row);
  std::size_t next = 0;
  for (const auto& response : result.responses) {
    for (const float sampled : response.log_probs) gaps.push_back(static_cast<double>(sampled) - static_cast<double>(trained[next++]));
  }
}

LogProbGap log_prob_gap(std::span<const double> gaps) {
  LogProbGap gap{.tokens = static_cast<std::int64_t>(gaps.size())};
  if (gaps.empty()) return gap;
  std::vector<double> sizes;
  for (const double difference : gaps) {
    sizes.push_back(std::abs(difference));
    gap.mean += std::abs(difference);
    gap.mean_signed += difference;
  }
  gap.mean /= static_cast<double>(gaps.size());
  gap.mean_signed /= static_cast<double>(gaps.size());
  std::sort(sizes.begin(), sizes.end());
  const auto percentile = [&sizes](double share) {  // the smallest size that `share` of all do not exceed
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sizes.size())));
    return sizes[std::max<std::size_t>(rank, 1) - 1];
  };
  gap.percentile_99 = percentile(0.99);
  gap.percentile_99_9 = percentile(0.999);
  gap.largest = sizes.back();
  return gap;
}

}  // namespace drover::generate
