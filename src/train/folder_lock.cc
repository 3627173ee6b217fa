#include "train/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace drover::train {

FolderLock::FolderLock(const std::filesystem::path& folder) {
  const auto path = folder / "lock";
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw base::SurroundingsError("{} cannot be made: {}.", path.string(), std::strerror(errno));
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  const int fault = errno;
  ::close(descriptor_);
  if (fault == EWOULDBLOCK) {
    throw base::UserError("Another run is using {}. Wait for its end, or give this run a folder of its own.", folder.string());
  }
  throw base::SurroundingsError("{} cannot be locked: {}.", path.string(), std::strerror(fault));
}

FolderLock::~FolderLock() { ::close(descriptor_); }

}  // namespace drover::train
