#include "base/output_file.h"

#include <system_error>

#include "base/error.h"

namespace drover::base {

void check_output_file(const std::filesystem::path& file) {
  if (file == "-") return;
  if (file.empty()) throw UserError("The name of the output file is empty; give it one.");
  std::error_code unknown;  // a folder that may not be looked into: then writing says why
  if (std::filesystem::is_directory(file, unknown)) {
    throw UserError("'{}' is a folder; name a file to write into, as '{}'.", file.string(), (file / "out").string());
  }
  if (!file.has_parent_path()) return;
  const auto folder = file.parent_path();
  const auto kind = std::filesystem::status(folder, unknown).type();
  if (kind == std::filesystem::file_type::not_found) {
    throw UserError("There is no folder '{}' to write '{}' into; make it first (mkdir -p '{}'), or name another file.", folder.string(),
                    file.string(), folder.string());
  }
  if (kind == std::filesystem::file_type::regular) {
    throw UserError("'{}' is a file, not a folder that '{}' could be written into; name another file.", folder.string(), file.string());
  }
}

}  // namespace drover::base
