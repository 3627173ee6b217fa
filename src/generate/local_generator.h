#pragma once

#include <cstdint>
#include <memory>

#include "chat/chat_format.h"
#include "generate/generator.h"
#include "model/model.h"

namespace drover::generate {

struct LocalGeneratorOptions {
  std::int64_t max_sequences = 32;  ///< replies that are decoded together

  void validate() const;
};

/// Samples from a model in this process. A prompt is computed once for all its replies. `format` may be empty: then requests need
/// `prompt_ids`. Throws UserError when the model has no language head.
std::unique_ptr<Generator> make_local_generator(std::shared_ptr<const model::Model> model,
                                                std::shared_ptr<const chat::ChatFormat> format,
                                                const LocalGeneratorOptions& options = {});

}  // namespace drover::generate
