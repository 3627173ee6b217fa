#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "train/file_lock.h"

namespace drover::train {

/// A file or folder, and what messages call it ("the start model").
struct NamedPlace {
  std::string what;
  std::filesystem::path path;  ///< empty: there is none
};

/// What else a run reads and writes: the result replaces its whole folder, so none of it may lie there.
struct BesideResult {
  std::vector<NamedPlace> sources;        ///< models that are read
  std::filesystem::path checkpoints = {}; ///< their folder, or empty; the result may not lie in it either
  std::vector<NamedPlace> logs = {};      ///< what grows while the run goes on, and caches
};

/// The place of a run's result, looked at and held before the run begins, so that its work is not lost at the end. While this object
/// lives a second run cannot have the same place; the lock is a file beside it, ".NAME.lock".
class ResultFolder {
 public:
  /// Makes the folders above `target` that are missing. `is_adapter`: an adapter is written, and no model. Throws UserError when that
  /// cannot be written to `target` (it is a file, or a folder with other things in it), when something of `beside` lies in its way, and when
  /// another run is going to write it; SurroundingsError when the disk refuses.
  ResultFolder(const std::filesystem::path& target, const BesideResult& beside, bool is_adapter = false);

  /// Where to write the result once there is one: `target`, or a new name beside it when `target` has become something that cannot be replaced.
  std::filesystem::path place() const;

  /// The folder that the result's folder stands in; it exists.
  const std::filesystem::path& parent() const { return parent_; }

 private:
  void check() const;

  std::filesystem::path target_;
  bool is_adapter_;
  std::filesystem::path parent_;
  std::optional<FileLock> lock_;
};

}  // namespace drover::train
