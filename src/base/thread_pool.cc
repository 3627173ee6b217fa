#include "base/thread_pool.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"

namespace drover::base {
namespace {

thread_local bool inside_pool_work = false;

}  // namespace

struct ThreadPool::State {
  std::mutex one_job;  // held by the caller for the length of a parallel_for
  std::mutex mutex;
  std::condition_variable wake;
  std::condition_variable done;
  std::vector<std::jthread> threads;
  bool stopping = false;
  std::uint64_t job = 0;
  int busy = 0;
  std::int64_t next = 0;
  std::int64_t count = 0;
  std::int64_t grain = 1;
  const std::function<void(std::int64_t, std::int64_t)>* work = nullptr;
  std::exception_ptr fault;

  void take_pieces(std::unique_lock<std::mutex>& lock) {
    while (next < count) {
      const std::int64_t begin = next;
      const std::int64_t end = std::min(count, begin + grain);
      next = end;
      lock.unlock();
      std::exception_ptr caught;
      inside_pool_work = true;
      try {
        (*work)(begin, end);
      } catch (...) {
        caught = std::current_exception();
      }
      inside_pool_work = false;
      lock.lock();
      if (caught) {
        if (!fault) fault = caught;
        next = count;
      }
    }
  }

  void serve() {
    std::unique_lock lock(mutex);
    std::uint64_t seen = job;
    for (;;) {
      wake.wait(lock, [&] { return stopping || job != seen; });
      if (stopping) return;
      seen = job;
      ++busy;
      take_pieces(lock);
      if (--busy == 0) done.notify_all();
    }
  }
};

ThreadPool::ThreadPool(int num_threads) : state_(std::make_unique<State>()) {
  if (num_threads <= 0) num_threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  for (int i = 1; i < num_threads; ++i) state_->threads.emplace_back([state = state_.get()] { state->serve(); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_all();
}

int ThreadPool::num_threads() const { return static_cast<int>(state_->threads.size()) + 1; }

void ThreadPool::parallel_for(std::int64_t count, std::int64_t grain,
                              const std::function<void(std::int64_t, std::int64_t)>& work) {
  DROVER_CHECK(grain > 0, "A piece of work needs at least one item");
  if (count <= 0) return;
  if (inside_pool_work || state_->threads.empty() || count <= grain) {
    for (std::int64_t begin = 0; begin < count; begin += grain) work(begin, std::min(count, begin + grain));
    return;
  }
  const std::lock_guard turn(state_->one_job);
  std::unique_lock lock(state_->mutex);
  state_->next = 0;
  state_->count = count;
  state_->grain = grain;
  state_->work = &work;
  state_->fault = nullptr;
  ++state_->job;
  ++state_->busy;
  state_->wake.notify_all();
  state_->take_pieces(lock);
  --state_->busy;
  state_->done.wait(lock, [&] { return state_->busy == 0; });
  state_->work = nullptr;
  if (state_->fault) std::rethrow_exception(state_->fault);
}

}  // namespace drover::base
