#pragma once

#include <filesystem>
#include <memory>

#include "model/model.h"

namespace drover::model {

/// Loads the weights of a Hugging Face folder or of a .gguf file onto a device. Throws UserError that names the file and the tensor
/// which is missing, surplus or of the wrong shape or type. An `lm_head.weight` beside tied embeddings is left out, as in transformers.
std::shared_ptr<const Decoder> load_decoder(const std::filesystem::path& path, const LoadOptions& options);

}  // namespace drover::model
