#include "base/shipped_data.h"

namespace drover::base {

std::optional<std::filesystem::path> shipped_data(std::string_view name) {
  std::error_code error;
  auto folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (int level = 0; level < 8 && !error && folder.has_relative_path(); ++level, folder = folder.parent_path()) {
    for (const auto* place : {"share/drover/data", "data"}) {
      auto path = folder / place / name;
      if (std::filesystem::exists(path, error)) return path;
      error.clear();
    }
  }
  return std::nullopt;
}

}  // namespace drover::base
