#include "model/greedy_soup.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace drover::model {

GreedySoup greedy_soup(std::size_t num_models, const SoupScore& score) {
  constexpr double kWorst = -std::numeric_limits<double>::infinity();
  const auto score_of = [&](std::span<const double> weights) {
    const double value = score(weights);
    return std::isnan(value) ? kWorst : value;
  };
  GreedySoup soup{.tries = {}, .weights = std::vector<double>(num_models, 0.0), .score = kWorst};
  for (std::size_t m = 0; m < num_models; ++m) {
    std::vector<double> alone(num_models, 0.0);
    alone[m] = 1;
    soup.tries.push_back({.model = m, .own_score = score_of(alone)});
  }
  std::sort(soup.tries.begin(), soup.tries.end(), [](const auto& a, const auto& b) {
    return a.own_score != b.own_score ? a.own_score > b.own_score : a.model < b.model;
  });
  for (GreedySoup::Try& attempt : soup.tries) {
    const bool is_first = &attempt == &soup.tries.front();
    auto candidate = soup.weights;
    candidate[attempt.model] = 1;
    attempt.soup_score = is_first ? attempt.own_score : score_of(candidate);
    attempt.is_kept = attempt.soup_score > kWorst && attempt.soup_score >= soup.score;
    if (!attempt.is_kept) continue;
    soup.weights = std::move(candidate);
    soup.score = attempt.soup_score;
  }
  if (soup.score == kWorst) throw base::UserError("None of the {} models has a score: are their weights finite?", num_models);
  return soup;
}

}  // namespace drover::model
