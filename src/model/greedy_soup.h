#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace drover::model {

/// How good the mean with these weights is, one a model; higher is better, and NaN is worse than anything.
using SoupScore = std::function<double(std::span<const double> weights)>;

struct GreedySoup {
  struct Try {
    std::size_t model = 0;
    double own_score = 0;   ///< of this model alone
    double soup_score = 0;  ///< of the mean of the models kept before it and itself
    bool is_kept = false;
  };
  std::vector<Try> tries;       ///< in the order in which they were made: best model first
  std::vector<double> weights;  ///< 1 for the models that were kept, else 0
  double score = 0;             ///< of the soup
};

/// Wortsman et al. 2022 (arXiv:2203.05482, recipe 1): the models in the order of their own scores (equal ones as given); each is kept
/// when the plain mean of those kept and itself scores no lower than before. Throws UserError when no model has a score above minus infinity.
GreedySoup greedy_soup(std::size_t num_models, const SoupScore& score);

}  // namespace drover::model
