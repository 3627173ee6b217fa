#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "text/tokenizer.h"

namespace drover::text {

/// Loads a tokenizer from a model folder (`tokenizer.json`, else `tokenizer.model`), from one of these files, or from
/// the metadata of a GGUF file. Throws UserError that names the file and what in it is not understood.
std::shared_ptr<const Tokenizer> load_tokenizer(const std::filesystem::path& path);

/// The model's chat template as its files hold it: `chat_template.jinja`, else `chat_template` in
/// `tokenizer_config.json`, else `tokenizer.chat_template` of a GGUF file. Empty when it has none.
std::optional<std::string> read_chat_template(const std::filesystem::path& path);

}  // namespace drover::text
