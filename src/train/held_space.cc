#include "train/held_space.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/error.h"

namespace drover::train {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& folder, std::int64_t bytes, std::int64_t left) {
  constexpr double kMegabyte = 1e6;
  throw base::SurroundingsError("The result needs {:.0f} MB in {}, where {:.0f} MB are left. Make room there, or give another folder with -o.",
                                static_cast<double>(bytes) / kMegabyte, folder.string(), static_cast<double>(left) / kMegabyte);
}

std::int64_t space_left(const std::filesystem::path& folder) {
  std::error_code fault;
  const auto space = std::filesystem::space(folder, fault);
  if (fault) throw base::SurroundingsError("{} cannot be looked at: {}.", folder.string(), fault.message());
  return static_cast<std::int64_t>(space.available);
}

}  // namespace

HeldSpace::HeldSpace(const std::filesystem::path& folder, std::int64_t bytes) {
  if (const auto left = space_left(folder); left < bytes) refuse(folder, bytes, left);
  descriptor_ = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor_ < 0) return;  // no files without a name here
  if (::fallocate(descriptor_, 0, 0, bytes) == 0 || (errno != ENOSPC && errno != EDQUOT)) return;
  ::close(descriptor_);
  refuse(folder, bytes, space_left(folder));
}

HeldSpace::~HeldSpace() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace drover::train
