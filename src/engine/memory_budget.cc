#include "engine/memory_budget.h"

#include <algorithm>

#include "base/error.h"

namespace drover::engine {

MemoryBudget::MemoryBudget(std::int64_t bytes) : bytes_(bytes) {
  if (bytes < 1) throw base::UserError("A memory budget of {} bytes is not possible: it must be positive.", bytes);
}

void MemoryBudget::join(Member& member) {
  const std::lock_guard lock(members_mutex_);
  members_.push_back(&member);
  num_members_ = static_cast<int>(members_.size());
}

void MemoryBudget::leave(Member& member) {
  {
    const std::lock_guard lock(members_mutex_);
    std::erase(members_, &member);
    num_members_ = static_cast<int>(members_.size());
  }
  leave_line(member);
}

MemoryBudget::Answer MemoryBudget::take(Member& member, std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto place =
      std::find_if(line_.begin(), line_.end(), [&](const Waiting& waiting) { return waiting.member == &member; });
  const bool is_first = line_.empty() || place == line_.begin();
  if (is_first && bytes <= bytes_ - taken_) {
    taken_ += bytes;
    if (place != line_.end()) {
      line_.erase(place);
      if (!line_.empty()) line_.front().member->bytes_came_back();
    }
    return Answer::kTaken;
  }
  if (place == line_.end()) {
    line_.push_back({&member, bytes});
  } else {
    place->bytes = bytes;
  }
  return is_first ? Answer::kShort : Answer::kAnotherIsFirst;
}

void MemoryBudget::give_back(std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  DROVER_CHECK(bytes >= 0 && bytes <= taken_, "{} bytes came back of {} taken", bytes, taken_);
  taken_ -= bytes;
  if (!line_.empty()) line_.front().member->bytes_came_back();
}

void MemoryBudget::leave_line(const Member& member) {
  const std::lock_guard lock(mutex_);
  const auto erased = std::erase_if(line_, [&](const Waiting& waiting) { return waiting.member == &member; });
  if (erased > 0 && !line_.empty()) line_.front().member->bytes_came_back();
}

std::int64_t MemoryBudget::needed_by_another(const Member& member) const {
  const std::lock_guard lock(mutex_);
  return line_.empty() || line_.front().member == &member ? 0 : line_.front().bytes;
}

std::int64_t MemoryBudget::attainable() const {
  const std::lock_guard members_lock(members_mutex_);
  std::int64_t discardable = 0;
  for (const auto* member : members_) discardable += member->discardable_bytes();
  const std::lock_guard lock(mutex_);
  return bytes_ - taken_ + discardable;
}

void MemoryBudget::ask_others(const Member& member, std::int64_t bytes) {
  const std::lock_guard lock(members_mutex_);
  for (auto* other : members_) {
    if (available() >= bytes) return;
    if (other != &member) other->discard_for_another(bytes);
  }
}

std::int64_t MemoryBudget::available() const {
  const std::lock_guard lock(mutex_);
  return bytes_ - taken_;
}

}  // namespace drover::engine
