#pragma once

#include <cstdint>
#include <filesystem>

namespace drover::train {

/// Room on a disk for what a run writes at its end, taken before it begins, so that its work is not lost to a disk that other programs fill
/// meanwhile. It is a file without a name, which the system removes whatever ends the process.
class HeldSpace {
 public:
  /// On the disk of `folder`, which must exist. Throws SurroundingsError when so much is not left. Where the file system cannot hold space
  /// back this only looks whether it is there.
  HeldSpace(const std::filesystem::path& folder, std::int64_t bytes);
  HeldSpace(const HeldSpace&) = delete;
  HeldSpace& operator=(const HeldSpace&) = delete;
  /// Gives it back.
  ~HeldSpace();

 private:
  int descriptor_ = -1;
};

}  // namespace drover::train
