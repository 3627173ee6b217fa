#pragma once

#include <filesystem>

namespace drover::train {

/// Holds a folder for one process: a lock on the file "lock" in it, which the system gives back whatever ends the process.
class FolderLock {
 public:
  /// Throws UserError when another process (or another object of this one) holds the folder, SurroundingsError when the lock's file
  /// cannot be made.
  explicit FolderLock(const std::filesystem::path& folder);
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  int descriptor_ = -1;
};

}  // namespace drover::train
