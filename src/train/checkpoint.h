#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "train/learner.h"

namespace drover::train {

/// The state of a run between two steps, in one safetensors file: master weights, both moments, the number of steps done, and the key
/// of the run it belongs to. With the plan of steps, which follows from rows and options, that is everything: a run that goes on from
/// here makes the same numbers as one that never stopped.
class Checkpoint {
 public:
  /// `folder` is made when it is missing. `key` names everything that the run's numbers depend on.
  Checkpoint(const std::filesystem::path& folder, std::string key);

  const std::filesystem::path& path() const { return path_; }

  /// Writes the state, whole or not at all; an earlier one is replaced. Throws SurroundingsError when the disk refuses.
  void save(const Learner::State& state) const;

  /// Reads the state into the learner, when there is one, and returns whether there was. Throws UserError when the file belongs to another
  /// run, or does not fit the model.
  bool restore(Learner& learner) const;

 private:
  std::filesystem::path path_;
  std::string key_;
};

}  // namespace drover::train
