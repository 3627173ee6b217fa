#pragma once

#include <memory>
#include <vector>

#include "model/model.h"
#include "model/token_tree.h"

namespace drover::model {

class TrainedDecoder;

/// Log-probabilities as training computes them: through the passes of TrainedDecoder on the CPU, through Decoder elsewhere.
class TrainingLogProbs {
 public:
  /// Lays the weights out once. Throws UserError when the model has no language head.
  explicit TrainingLogProbs(std::shared_ptr<const Model> model);
  ~TrainingLogProbs();

  /// Natural-log probabilities of the row's learned entries, in their order.
  std::vector<float> operator()(const TokenRow& row);

 private:
  std::shared_ptr<const Model> model_;
  std::unique_ptr<TrainedDecoder> trained_;  // on the CPU
};

}  // namespace drover::model
