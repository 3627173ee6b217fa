#pragma once

#include <cstdint>
#include <filesystem>

#include "model/config.h"

namespace drover::model {

/// The configuration of a model folder or .gguf file, without its weights. Throws UserError as `Model::load` does.
DecoderConfig read_model_config(const std::filesystem::path& model);

/// The numbers that a model of this shape holds.
std::int64_t num_parameters(const DecoderConfig& config);

}  // namespace drover::model
