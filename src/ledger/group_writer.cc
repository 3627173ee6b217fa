#include "ledger/group_writer.h"

#include <algorithm>
#include <utility>

namespace drover::ledger {
namespace {

constexpr std::size_t kLeastRoom = 64;

}  // namespace

GroupWriter::GroupWriter(const std::filesystem::path& file, Options options)
    : ledger_(file, Ledger::OpenMode::kWrite),
      options_(options),
      room_(std::min(kLeastRoom, options.max_queued)),
      checkpointer_(file) {
  ledger_.let_log_grow();
  thread_ = std::thread([this] { work(); });
}

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
  changed_.wait(lock, [&] { return failure_ || queue_.size() < room_; });
  if (failure_) std::rethrow_exception(failure_);
  queue_.push_back({std::move(write), Clock::now()});
  // The writer sleeps only while the queue is empty or not yet worth a group.
  if (queue_.size() == 1 || queue_.size() == room_) changed_.notify_all();
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
    changed_.wait_until(lock, queue_.front().submitted + options_.linger, [&] {
      return is_closing_ || awaited_ > acknowledged_ || queue_.size() >= room_;
    });
    lock.unlock();
    std::size_t num_written = 0;
    std::exception_ptr failure;
    try {
      num_written = commit_group();
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    if (failure) {
      failure_ = failure;
      queue_.clear();
    } else {
      acknowledged_ += static_cast<std::int64_t>(num_written);
    }
    changed_.notify_all();
    if (failure) return;
  }
}

// Takes what arrives meanwhile too, until the time is over: a fixed number of writes took half a second when other
// programs had the processors.
std::size_t GroupWriter::commit_group() {
  Ledger::Batch batch(ledger_);
  const auto begun = Clock::now();
  std::size_t count = 0;
  auto elapsed = Clock::duration::zero();
  while (elapsed < options_.longest_group) {
    const auto write = take();
    if (!write) break;
    (*write)(ledger_);
    ++count;
    elapsed = Clock::now() - begun;
  }
  batch.commit();
  checkpointer_.want();
  const auto share = std::chrono::duration<double>(options_.longest_group) / std::max(elapsed, Clock::duration(1));
  const auto room = std::max(static_cast<double>(kLeastRoom), share * static_cast<double>(count));
  const std::lock_guard lock(mutex_);
  room_ = std::min(options_.max_queued, static_cast<std::size_t>(std::min(room, 1e9)));
  return count;
}

std::optional<GroupWriter::Write> GroupWriter::take() {
  std::unique_lock lock(mutex_);
  if (queue_.empty()) return std::nullopt;
  auto write = std::move(queue_.front().write);
  queue_.pop_front();
  const bool is_room_new = queue_.size() + 1 == room_;
  lock.unlock();
  if (is_room_new) changed_.notify_all();
  return write;
}

}  // namespace drover::ledger
