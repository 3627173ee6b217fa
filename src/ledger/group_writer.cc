#include "ledger/group_writer.h"

#include <algorithm>
#include <utility>

namespace drover::ledger {

GroupWriter::GroupWriter(const std::filesystem::path& file, Options options)
    : ledger_(file, Ledger::OpenMode::kWrite), options_(options), thread_([this] { work(); }) {}

GroupWriter::~GroupWriter() {
  {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::int64_t GroupWriter::submit(Write write) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return failure_ || queue_.size() < options_.max_queued; });
  if (failure_) std::rethrow_exception(failure_);
  queue_.push_back(std::move(write));
  // The writer sleeps only while the queue is empty or not yet worth a group.
  if (queue_.size() == 1 || queue_.size() == options_.max_queued) changed_.notify_all();
  return ++submitted_;
}

void GroupWriter::wait(std::int64_t number) {
  std::unique_lock lock(mutex_);
  awaited_ = std::max(awaited_, std::min(number, submitted_));
  changed_.notify_all();
  changed_.wait(lock, [&] { return failure_ || acknowledged_ >= number; });
  if (acknowledged_ < number) std::rethrow_exception(failure_);
}

void GroupWriter::flush() {
  std::int64_t last = 0;
  {
    const std::lock_guard lock(mutex_);
    last = submitted_;
  }
  wait(last);
}

std::int64_t GroupWriter::acknowledged() const {
  const std::lock_guard lock(mutex_);
  return acknowledged_;
}

void GroupWriter::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return is_closing_ || !queue_.empty(); });
    if (queue_.empty()) return;
    // Nothing is locked in the database meanwhile, so that others can write.
    changed_.wait_for(lock, options_.linger, [&] {
      return is_closing_ || awaited_ > acknowledged_ || queue_.size() >= options_.max_queued;
    });
    auto group = std::exchange(queue_, {});
    lock.unlock();
    changed_.notify_all();
    std::exception_ptr failure;
    try {
      commit(group);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    if (failure) {
      failure_ = failure;
      queue_.clear();
    } else {
      acknowledged_ += static_cast<std::int64_t>(group.size());
    }
    changed_.notify_all();
    if (failure) return;
  }
}

void GroupWriter::commit(std::deque<Write>& group) {
  Ledger::Batch batch(ledger_);
  for (auto& write : group) write(ledger_);
  batch.commit();
}

}  // namespace drover::ledger
