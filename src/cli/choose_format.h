#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "chat/chat_format.h"
#include "text/tokenizer.h"

namespace drover::cli {

/// The chat format of a model: `name` when it is not empty (--format), else the one whose published template the model's own is.
/// Throws UserError that lists the names when neither decides.
std::shared_ptr<const chat::ChatFormat> choose_format(const std::string& name, const std::optional<std::string>& chat_template,
                                                      std::shared_ptr<const text::Tokenizer> tokenizer);

/// The same for the model at a path, which is opened only as far as this needs.
std::shared_ptr<const chat::ChatFormat> choose_format(const std::string& name, const std::filesystem::path& model);

}  // namespace drover::cli
