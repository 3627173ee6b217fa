#pragma once

#include <cstdint>
#include <memory>

#include "chat/chat_format.h"
#include "engine/engine.h"
#include "generate/generator.h"
#include "model/model.h"
#include "model/packed/weight_form.h"

namespace drover::generate {

/// What the engine asks of a model, from a model of this process: packed weights on the CPU, LibTorch's operators on another device.
/// Throws UserError for int8 weights elsewhere than on the CPU.
std::shared_ptr<engine::PagedModel> paged_model_of(const model::Model& model, model::WeightForm weights = model::WeightForm::kAsGiven);

/// The generator of a model in this process.
class LocalGenerator : public Generator {
 public:
  /// What the engine did since the generator was made.
  virtual engine::EngineStatistics statistics() const = 0;
};

/// Samples from a model in this process by an engine of its own: prompts and whatever else was computed before are not computed again.
/// `format` may be empty: then requests need `prompt_ids`. Throws UserError when the model has no language head.
std::unique_ptr<LocalGenerator> make_local_generator(std::shared_ptr<const model::Model> model, std::shared_ptr<const chat::ChatFormat> format,
                                                     const engine::EngineOptions& options = {},
                                                     model::WeightForm weights = model::WeightForm::kAsGiven);

}  // namespace drover::generate
