#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "train/file_lock.h"
#include "train/learner.h"

namespace drover::train {

/// What a run knows between two steps beside its learner's state.
struct RunNotes {
  at::Tensor objective;        ///< Objective::state(): float32 of one dimension, or undefined
  std::vector<double> losses;  ///< LossMonitor::state()
};

/// The states of a run between two steps, each in one safetensors file "step_N.safetensors" of a folder: masters of what learns, both moments,
/// the notes, and the key of the run. With the plan of steps, which follows from rows and options, that is everything: a run that goes
/// on from here makes the same numbers as one that never stopped.
class Checkpoint {
 public:
  /// `folder` is made when it is missing and stays locked while this object lives: a second run on it throws UserError. What a killed
  /// run left half-written is removed. `key` names everything that the run's numbers depend on; the newest `keep` states are kept.
  Checkpoint(const std::filesystem::path& folder, std::string key, std::int64_t keep = 1);

  /// Writes the state, whole or not at all, and reads it back; only then older ones go, and later ones, which `restore` passed over. Throws SurroundingsError when the disk refuses
  /// or gives other bytes back; what was there before is still there then.
  void save(const Learner& learner, const RunNotes& notes) const;

  /// The step of the newest whole state in the folder, which is read for it; nothing when there is none.
  std::optional<std::int64_t> newest_step() const;

  /// Reads the newest whole state into the learner and returns its notes, or nothing when there is none. Throws UserError when it
  /// belongs to another run, or does not fit the model, and when all files are damaged.
  std::optional<RunNotes> restore(Learner& learner) const;

 private:
  std::vector<std::filesystem::path> newest_first() const;
  RunNotes restore_from(const std::filesystem::path& path, Learner& learner) const;

  std::filesystem::path folder_;
  std::string key_;
  std::int64_t keep_;
  std::optional<FileLock> lock_;
};

}  // namespace drover::train
