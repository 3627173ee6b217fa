#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "base/progress.h"

namespace drover::cli {

/// Shows progress on standard error: one line that renews itself on a terminal, elsewhere a plain line at most every ten seconds and
/// at the end of each piece of work. Also where long work notices SIGINT: `on_progress` then throws Interrupted.
class ProgressLine {
 public:
  ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  /// Wipes the line.
  ~ProgressLine();

  /// What rooms report to; valid while this object lives.
  base::OnProgress on_progress();

  void show(const base::Progress& progress);

  /// Removes the line from the terminal before something else is printed.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  bool terminal_;
  std::string what_;
  Clock::time_point began_;
  Clock::time_point printed_;
  bool on_screen_ = false;
};

/// "sft  412/2000 steps, 3.1 steps/s, 8 min left | loss 0.53": `seconds` is how long this piece of work has run.
std::string describe_progress(const base::Progress& progress, double seconds);

}  // namespace drover::cli
