#include "train/held_out.h"

#include <cstddef>

#include "base/error.h"
#include "model/log_probs.h"

namespace drover::train {

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

}  // namespace drover::train
