#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.h"
#include "model/model.h"

namespace drover::model {

/// Reads config.json of Llama, Mistral, SmolLM2, Qwen2 and Qwen3 models, as transformers 4 and 5 write it: `rope_theta` and
/// `rope_scaling`, or `rope_parameters`; an end-of-sequence id or a list of them. What changes the computation and is not
/// understood throws UserError with the key and its value; keys that change nothing are left unread.
DecoderConfig parse_config_json(std::string_view json, std::string_view where);
DecoderConfig read_config_json(const std::filesystem::path& file);

/// The ids that end generation by generation_config.json: some models list there what config.json leaves out.
std::vector<text::TokenId> parse_generation_eos(std::string_view json, std::string_view where);

/// The configuration as transformers 5 writes it; transformers 4.43 and later and llama.cpp's converter read it too.
std::string to_config_json(const DecoderConfig& config, ComputeType type);

}  // namespace drover::model
