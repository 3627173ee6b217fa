#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace drover::model {

/// The short names of the models in $DROVER_HOME/models, sorted: folders, and .gguf files without their ending.
std::vector<std::string> installed_models();

/// What MODEL on the command line means: a folder or file that exists, else a model in $DROVER_HOME/models by its short name. Throws
/// UserError with the nearest installed name.
std::filesystem::path model_path(const std::string& model);

}  // namespace drover::model
