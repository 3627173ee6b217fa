#pragma once

#include <cstdint>
#include <filesystem>

#include "weights/gguf_value.h"

namespace drover::text {

/// The `tokenizer.ggml.*` keys for the tokenizer of a model folder or a GGUF file, as llama.cpp reads them (no chat template). The
/// vocabulary is filled with unused tokens up to `num_rows`, the rows of the embedding. Throws UserError for a tokenizer that GGUF
/// has no form for.
weights::GgufMetadata gguf_tokenizer_metadata(const std::filesystem::path& source, std::int64_t num_rows);

}  // namespace drover::text
