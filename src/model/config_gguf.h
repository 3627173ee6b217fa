#pragma once

#include <string_view>

#include "model/config.h"
#include "weights/gguf_value.h"

namespace drover::weights {
class GgufFile;
}

namespace drover::model {

/// The configuration of a GGUF file of the architectures `llama`, `qwen2` and `qwen3`. The tensor `rope_freqs` becomes the llama3
/// scaling whose divisors it holds. Throws UserError that names the key or tensor at fault.
DecoderConfig config_of_gguf(const weights::GgufFile& file, std::string_view where);

/// The metadata that config_of_gguf() reads and llama.cpp needs, `general.architecture` first. Throws UserError for what the format
/// cannot hold (a sliding window).
weights::GgufMetadata gguf_metadata_of(const DecoderConfig& config);

}  // namespace drover::model
