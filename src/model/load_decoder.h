#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "model/model.h"
#include "weights/safetensors.h"

namespace drover::model {

/// Loads the weights of a Hugging Face folder or of a .gguf file onto a device. Throws UserError that names the file and the tensor
/// which is missing, surplus or of the wrong shape or type. An `lm_head.weight` beside tied embeddings is left out, as in transformers.
std::shared_ptr<const Decoder> load_decoder(const std::filesystem::path& path, const LoadOptions& options);

/// The configuration of a Hugging Face folder: config.json, and the ids of generation_config.json that end generation.
DecoderConfig read_folder_config(const std::filesystem::path& folder);

/// Throws UserError unless these are the tensors that the configuration asks for; `where` names their folder.
void check_tensors(const weights::ShardedTensors& tensors, const DecoderConfig& config, std::string_view where);

}  // namespace drover::model
