#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "ledger/ledger.h"
#include "ledger/log_checkpointer.h"

namespace drover::ledger {

/// Writes facts for threads that must not wait for the disk one by one, such as a generator's. Writes reach the disk in
/// the order in which they were submitted, many at once; each is acknowledged when it is there. What a killed process
/// had not acknowledged is lost, never half of a write, and never anything that was acknowledged.
///
/// A write is acknowledged within 100 ms of its submission where the disk syncs in 25 ms, nobody else holds the file and
/// this thread gets a processor: it waits at most for the group that is being written and for one more, and a group ends
/// after `longest_group` however slow the writes are. `submit` waits while the next group is full.
class GroupWriter {
 public:
  struct Options {
    std::chrono::milliseconds linger{25};         ///< how long the first write of a group waits for others
    std::chrono::milliseconds longest_group{20};  ///< how long a group is written into before it is synced
    std::size_t max_queued = 1024;                ///< the most that `submit` takes ahead of the disk
  };
  using Write = std::function<void(Ledger&)>;

  /// Opens a ledger of its own on `file`, which must exist.
  explicit GroupWriter(const std::filesystem::path& file) : GroupWriter(file, Options()) {}
  GroupWriter(const std::filesystem::path& file, Options options);
  GroupWriter(const GroupWriter&) = delete;
  GroupWriter& operator=(const GroupWriter&) = delete;
  /// Writes what is queued; a failure is lost, so call `flush` first.
  ~GroupWriter();

  /// Queues a write and returns its number: 1, 2, ... Its adds are one unit. Throws what an earlier write has thrown;
  /// from then on nothing is written.
  std::int64_t submit(Write write);

  /// Returns when the write with this number and all before it are on disk. Throws as `submit`.
  void wait(std::int64_t number);
  /// Waits for all that were submitted.
  void flush();
  /// The number of the last write that is on disk.
  std::int64_t acknowledged() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Queued {
    Write write;
    Clock::time_point submitted;
  };

  void work();
  std::size_t commit_group();
  std::optional<Write> take();

  Ledger ledger_;
  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Queued> queue_;
  std::size_t room_;  ///< how many writes of the latest group's speed make a group
  std::int64_t submitted_ = 0;
  std::int64_t acknowledged_ = 0;
  std::int64_t awaited_ = 0;  ///< somebody waits for this number: no lingering
  bool is_closing_ = false;
  std::exception_ptr failure_;
  LogCheckpointer checkpointer_;
  std::thread thread_;
};

}  // namespace drover::ledger
