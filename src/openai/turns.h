#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace drover::openai {

/// Lets threads compute one after the other, in the order in which they ask. Two models that compute at once would each start a thread
/// for every core and keep each other waiting. Lock it by std::lock_guard.
class Turns {
 public:
  void lock() {
    std::unique_lock lock(mutex_);
    const auto mine = last_asked_++;
    changed_.wait(lock, [&] { return present_ == mine; });
  }
  void unlock() {
    {
      const std::lock_guard lock(mutex_);
      ++present_;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t last_asked_ = 0;
  std::uint64_t present_ = 0;
};

}  // namespace drover::openai
