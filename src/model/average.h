#pragma once

#include <memory>
#include <span>

#include "model/model.h"

namespace drover::model {

/// The weighted mean of models, parameter by parameter, summed in float64 and stored in the first model's type, with its tokenizer
/// and template. Throws UserError when there are no models, counts differ, weights are not finite or do not sum to 1 (to 1e-6), or
/// the models differ in a name, a shape, the configuration or the tokenizer; it names the first that does.
std::shared_ptr<const Model> average(std::span<const std::shared_ptr<const Model>> models, std::span<const double> weights);

/// The plain mean.
std::shared_ptr<const Model> average(std::span<const std::shared_ptr<const Model>> models);

}  // namespace drover::model
