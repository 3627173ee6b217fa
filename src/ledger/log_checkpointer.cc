#include "ledger/log_checkpointer.h"

#include <chrono>

#include "base/error.h"

namespace drover::ledger {
namespace {

constexpr std::chrono::milliseconds kPause{500};

}  // namespace

LogCheckpointer::LogCheckpointer(const std::filesystem::path& file)
    : ledger_(file, Ledger::OpenMode::kWrite), thread_([this] { work(); }) {}

LogCheckpointer::~LogCheckpointer() {
  {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void LogCheckpointer::want() {
  {
    const std::lock_guard lock(mutex_);
    if (is_wanted_) return;
    is_wanted_ = true;
  }
  changed_.notify_all();
}

void LogCheckpointer::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return is_closing_ || is_wanted_; });
    if (is_closing_) return;
    is_wanted_ = false;
    lock.unlock();
    try {
      ledger_.checkpoint();
    } catch (const base::Error&) {
      // The next commit that goes wrong says it to somebody who can act.
    }
    lock.lock();
    changed_.wait_for(lock, kPause, [&] { return is_closing_; });
  }
}

}  // namespace drover::ledger
