#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace drover::cli {

/// What a model is, read from its files without loading its weights: container, files, architecture, sizes, parameters, element types,
/// tokenizer, chat format. Throws UserError when the files are not a model.
nlohmann::ordered_json model_facts(const std::filesystem::path& model);

}  // namespace drover::cli
