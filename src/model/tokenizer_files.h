#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "model/config.h"

namespace drover::model {

/// Puts the tokenizer of `source` (a model folder, a tokenizer file, or a GGUF file) and the chat template into `folder`: files are
/// copied, a GGUF file's tokenizer is written as tokenizer.json and tokenizer_config.json. Throws UserError when a GGUF file holds a
/// tokenizer that cannot be written so.
void write_tokenizer_files(const std::filesystem::path& source, const std::optional<std::string>& chat_template,
                           const std::filesystem::path& folder);

}  // namespace drover::model
