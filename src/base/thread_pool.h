#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace drover::base {

/// A fixed set of threads that work through index ranges together. The rooms that see LibTorch use at::parallel_for instead, so
/// that only one set of threads is busy at a time.
class ThreadPool {
 public:
  /// `num_threads` counts the calling thread; 0 means one per core.
  explicit ThreadPool(int num_threads = 0);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  int num_threads() const;

  /// Runs `work(begin, end)` over 0 .. count-1 in pieces of at most `grain`, handed out in order to whichever thread is free; returns
  /// when all are done. The first exception is rethrown here and stops the handing out. Calls from several threads take turns;
  /// a call from inside `work` runs on the calling thread alone.
  void parallel_for(std::int64_t count, std::int64_t grain,
                    const std::function<void(std::int64_t begin, std::int64_t end)>& work);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace drover::base
