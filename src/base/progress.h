#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace drover::base {

/// How far a long piece of work is. Rooms report it; the command line prints it.
struct Progress {
  std::string what;         ///< for people: "sampling", "sft"
  std::int64_t done = 0;    ///< units finished
  std::int64_t total = 0;   ///< units in all; 0 when unknown
  std::string unit;         ///< "prompts", "steps", "bytes"
  std::string detail = {};  ///< what lets a reader distrust the run: loss, rate, rejected share
};

/// Receives progress; may be empty. Called from the working thread, so it must be quick.
using OnProgress = std::function<void(const Progress&)>;

}  // namespace drover::base
