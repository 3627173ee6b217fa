#include "train/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace drover::train {

FileLock::FileLock(const std::filesystem::path& file, const std::filesystem::path& held, Afterwards afterwards, Others others)
    : file_(file), afterwards_(afterwards) {
  while (true) {
    descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor_ < 0) throw base::SurroundingsError("{} cannot be made: {}.", file.string(), std::strerror(errno));
    const bool is_locked = ::flock(descriptor_, others == Others::kWait ? LOCK_EX : LOCK_EX | LOCK_NB) == 0;
    const int fault = errno;
    // Whoever held it may have removed it after it was opened here: then the lock is on a file that nobody else finds.
    if (is_locked && is_in_its_place()) return;
    ::close(descriptor_);
    if (is_locked || fault == EINTR) continue;
    if (fault == EWOULDBLOCK) {
      throw base::UserError("Another run is using {}. Wait for its end, or give this run a folder of its own.", held.string());
    }
    throw base::SurroundingsError("{} cannot be locked: {}.", file.string(), std::strerror(fault));
  }
}

FileLock::~FileLock() {
  if (afterwards_ == Afterwards::kGoes) ::unlink(file_.c_str());
  ::close(descriptor_);
}

bool FileLock::is_in_its_place() const {
  struct stat own {}, found {};
  return ::fstat(descriptor_, &own) == 0 && ::stat(file_.c_str(), &found) == 0 && own.st_dev == found.st_dev && own.st_ino == found.st_ino;
}

}  // namespace drover::train
