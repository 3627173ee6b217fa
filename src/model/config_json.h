#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "model/config.h"
#include "model/model.h"
#include "weights/gguf.h"

namespace drover::model {

/// Reads config.json of Llama, Mistral, SmolLM2, Qwen2 and Qwen3 models, as transformers 4 and 5 write it: `rope_theta` and
/// `rope_scaling`, or `rope_parameters`; an end-of-sequence id or a list of them. What changes the computation and is not
/// understood throws UserError with the key and its value; keys that change nothing are left unread.
DecoderConfig parse_config_json(std::string_view json, std::string_view where);
DecoderConfig read_config_json(const std::filesystem::path& file);

/// The configuration as transformers 5 writes it; transformers 4.43 and later and llama.cpp's converter read it too.
std::string to_config_json(const DecoderConfig& config, ComputeType type);

/// The configuration of a GGUF file of the architectures `llama`, `qwen2` and `qwen3`. `rope_freqs` becomes the llama3 scaling whose
/// divisors it holds.
DecoderConfig config_of_gguf(const weights::GgufFile& file, std::string_view where);

}  // namespace drover::model
