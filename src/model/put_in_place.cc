#include "model/put_in_place.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <system_error>

#include "base/error.h"

namespace drover::model {
namespace {

namespace fs = std::filesystem;

fs::path beside(const fs::path& target, const std::string& name) { return target.parent_path() / name; }

/// Gives what could not be put into its place a name that is seen, and that nobody cleans up after.
fs::path kept(const fs::path& made, const fs::path& target) {
  const auto seen = beside(target, fmt::format("{}.{}", target.filename().string(), getpid()));
  std::error_code error;
  fs::rename(made, seen, error);
  return error ? made : seen;
}

}  // namespace

void put_in_place(const fs::path& made, const fs::path& target) {
  std::error_code error, ignored;
  // Exchanging leaves no moment without a folder in this place.
  if (renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) {
    fs::remove_all(made, ignored);
    return;
  }
  const auto old = beside(target, fmt::format(".{}.{}.old", target.filename().string(), getpid()));
  const bool stands = fs::exists(fs::symlink_status(target, ignored));
  if (stands) fs::rename(target, old, error);
  if (!error) {
    fs::rename(made, target, error);
    if (error && stands) fs::rename(old, target, ignored);
  }
  if (error) {
    throw base::SurroundingsError("The folder '{}' could not be put into its place: {}. It is whole, and kept as '{}'.", target.string(), error.message(),
                                  kept(made, target).string());
  }
  if (stands) fs::remove_all(old, ignored);
}

}  // namespace drover::model
