#pragma once

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "ledger/ledger.h"

namespace drover::ledger {

/// Copies the log beside a ledger into its file while others write, on a connection and a thread of its own: a commit
/// that did it itself made its writer wait a quarter of a second for the disk. What fails here is left to the writers,
/// whose own limit (Ledger::let_log_grow) is higher.
class LogCheckpointer {
 public:
  /// The ledger at `file` must exist.
  explicit LogCheckpointer(const std::filesystem::path& file);
  LogCheckpointer(const LogCheckpointer&) = delete;
  LogCheckpointer& operator=(const LogCheckpointer&) = delete;
  ~LogCheckpointer();

  /// Has the log copied soon, at most twice a second; returns at once. To be called after commits.
  void want();

 private:
  void work();

  Ledger ledger_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_wanted_ = false;
  bool is_closing_ = false;
  std::thread thread_;
};

}  // namespace drover::ledger
