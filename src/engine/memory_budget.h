#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

namespace drover::engine {

/// A number of bytes that the pages of one or several engines share. Bytes are taken before pages are: an engine takes
/// all that an admitted sample may ever need, and gives back what it did not need.
///
/// An engine that is refused stands in a line, and until the first of the line is served no other engine takes new
/// bytes. So a model with long requests is not starved by one with short ones. All functions are safe to call from any
/// thread.
class MemoryBudget {
 public:
  /// Who takes bytes. A member must join before it takes and leave before it goes.
  class Member {
   public:
    /// Bytes of pages that nobody holds, which could be given back.
    virtual std::int64_t discardable_bytes() const = 0;
    /// Discards such pages until `bytes` are available in the budget. Does nothing while the member is at work: it then
    /// looks at needed_by_another() itself when it is done.
    virtual void discard_for_another(std::int64_t bytes) = 0;
    /// Bytes were given back, and this member is the first of the line. Must not call the budget.
    virtual void bytes_came_back() = 0;

   protected:
    ~Member() = default;
  };

  enum class Answer {
    kTaken,
    kShort,           ///< not so many bytes are available
    kAnotherIsFirst,  ///< another member waits since longer
  };

  explicit MemoryBudget(std::int64_t bytes);

  void join(Member& member);
  void leave(Member& member);

  /// Takes bytes, or puts the member into the line.
  Answer take(Member& member, std::int64_t bytes);
  void give_back(std::int64_t bytes);
  /// The member does not wait any more.
  void leave_line(const Member& member);

  /// What the first of the line waits for, when it is another member; else 0.
  std::int64_t needed_by_another(const Member& member) const;
  /// Bytes that are available, or would be if every member discarded what it can.
  std::int64_t attainable() const;
  /// Asks all members but this one to discard pages, one after the other, until `bytes` are available.
  void ask_others(const Member& member, std::int64_t bytes);

  std::int64_t bytes() const { return bytes_; }
  std::int64_t available() const;
  /// Whether there are several members: only then does it matter to others that memory goes back to the system.
  bool is_shared() const { return num_members_.load(std::memory_order_relaxed) > 1; }

 private:
  struct Waiting {
    Member* member;
    std::int64_t bytes;
  };

  // Lock order: an engine's own step, then members_mutex_, then mutex_. Asking a member while members_mutex_ is held is
  // what keeps the member alive meanwhile; it only tries to lock its own step.
  mutable std::mutex members_mutex_;
  std::vector<Member*> members_;
  std::atomic<int> num_members_ = 0;

  mutable std::mutex mutex_;
  const std::int64_t bytes_;
  std::int64_t taken_ = 0;
  std::deque<Waiting> line_;
};

}  // namespace drover::engine
