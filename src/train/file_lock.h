#pragma once

#include <filesystem>

namespace drover::train {

/// Holds a file for one process: a lock on it, which the system gives back whatever ends the process.
class FileLock {
 public:
  /// What becomes of the file, which is made when it is missing, once the lock is given back.
  enum class Afterwards { kStays, kGoes };
  /// Whether this one waits while another holds the file.
  enum class Others { kRefuse, kWait };

  /// `held` names what the file stands for, in messages. Throws UserError when another process (or another object of this one) holds
  /// the file and this one does not wait, SurroundingsError when it cannot be made.
  FileLock(const std::filesystem::path& file, const std::filesystem::path& held, Afterwards afterwards = Afterwards::kStays, Others others = Others::kRefuse);
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  bool is_in_its_place() const;

  std::filesystem::path file_;
  Afterwards afterwards_;
  int descriptor_ = -1;
};

}  // namespace drover::train
