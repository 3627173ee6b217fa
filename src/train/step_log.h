#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace drover::train {

/// A JSONL file that grows by a line a step, {"step": N, ..., "loss": L, ...}. Runs may share one; a run that goes on from a checkpoint
/// takes away what it wrote of the steps that it takes again.
class StepLog {
 public:
  /// Opens or makes the file; what it holds stays. Throws UserError when it cannot be written.
  explicit StepLog(std::filesystem::path path);

  /// For a run that goes on after `step`, whose loss was `loss`: removes the lines of later steps that stand behind the line of that very
  /// step at the end of the file. Without such a line they are not this run's, and stay. Throws SurroundingsError when the disk refuses.
  void go_on_after(std::int64_t step, double loss);

  /// `line` ends with a line's end. Throws SurroundingsError when the disk refuses.
  void add(std::string_view line);

 private:
  std::filesystem::path path_;
  std::ofstream stream_;
  bool is_cut_ = false;  // its last line has no end: a kill within it
};

}  // namespace drover::train
