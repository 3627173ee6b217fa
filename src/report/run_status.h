#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "chat/dialog.h"
#include "ledger/ledger.h"

namespace drover::report {

/// How far the run is that began last.
struct RunStatus {
  enum class State {
    kDone,
    kRunning,     ///< a process of this machine works on it
    kWaiting,     ///< people owe answers
    kInterrupted  ///< begun, not ended, and nobody works on it: the same command goes on
  };
  struct Stage {
    std::string name;
    std::string key;
    State state = State::kInterrupted;
    double seconds = 0;        ///< of the work, when it is done
    std::string ended_at;      ///< UTC; empty when it is not done
    std::int64_t pending = 0;  ///< comparisons that people owe
  };
  std::string recipe_name;
  std::string began_at;  ///< UTC
  bool is_running = false;
  std::vector<Stage> stages;
  std::vector<std::pair<std::string, std::int64_t>> facts;  ///< kinds of facts in the whole ledger
  std::vector<ledger::RecordedRemoval> removals;            ///< sources that were taken out
};

/// Throws UserError when no run has begun.
RunStatus status_of(const ledger::Ledger& ledger);

std::string describe_status(const RunStatus& status);
chat::Json status_json(const RunStatus& status);

}  // namespace drover::report
