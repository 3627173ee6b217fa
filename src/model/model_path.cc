#include "model/model_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "base/nearest_name.h"
#include "base/drover_home.h"

namespace drover::model {

std::vector<std::string> installed_models() {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(base::drover_home() / "models", ignored)) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
    if (entry.path().extension() == ".gguf") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::filesystem::path model_path(const std::string& model) {
  if (model.empty()) throw base::UserError("MODEL is empty: give a model folder, a .gguf file or a short name.");
  std::error_code ignored;
  if (std::filesystem::exists(model, ignored)) return model;
  const auto folder = base::drover_home() / "models";
  if (model.find('/') == std::string::npos) {
    for (const auto& candidate : {folder / model, folder / (model + ".gguf")}) {
      if (std::filesystem::exists(candidate, ignored)) return candidate;
    }
  }
  const auto names = installed_models();
  if (names.empty()) {
    throw base::UserError("There is no model '{}': no such folder or file here, and {} holds none. scripts/setup installs two small models.",
                          model, folder.string());
  }
  const std::vector<std::string_view> views(names.begin(), names.end());
  throw base::UserError("There is no model '{}'{}: no such folder or file here, and {} holds {}.", model, base::suggestion(model, views),
                        folder.string(), fmt::join(names, ", "));
}

}  // namespace drover::model
