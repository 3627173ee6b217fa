#pragma once

#include <filesystem>
#include <optional>

#include "train/file_lock.h"

namespace drover::train {

/// The place of a run's result, looked at and held before the run begins, so that its work is not lost at the end. While this object
/// lives a second run cannot have the same place; the lock is a file beside it, ".NAME.lock".
class ResultFolder {
 public:
  /// Makes the folders above `target` that are missing. `start`: the model that is trained; `checkpoints`: their folder, or empty;
  /// `is_adapter`: an adapter is written, and no model. Throws UserError when that cannot be written to `target` (it is a file, or a folder
  /// with other things in it), when it is `start`, when it and `checkpoints` lie in each other, and when another run is going to write it;
  /// SurroundingsError when the disk refuses.
  ResultFolder(const std::filesystem::path& target, const std::filesystem::path& start, const std::filesystem::path& checkpoints,
               bool is_adapter = false);

  /// The folder that the result's folder stands in; it exists.
  const std::filesystem::path& parent() const { return parent_; }

 private:
  std::filesystem::path parent_;
  std::optional<FileLock> lock_;
};

}  // namespace drover::train
