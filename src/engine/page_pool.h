#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "engine/memory_budget.h"
#include "engine/paged_model.h"

namespace drover::engine {

/// Who holds which pages of one model. A page is free, in use (held by one or several sequences) or cached (held by
/// nobody, but kept for later prompts). Pages come out of reserves: what a sample may still take is set aside before it
/// starts, so taking never fails. Each page that is not free, and each page of a reserve, has taken its bytes from the
/// memory budget. For one thread.
class PagePool {
 public:
  /// `member` is who takes the bytes. `discard` hears of pages whose content is not needed any more, when their memory
  /// is of use to others.
  PagePool(std::shared_ptr<MemoryBudget> budget, MemoryBudget::Member& member, std::int64_t bytes_per_page,
           std::function<void(PageId)> discard);
  /// Gives all bytes back.
  ~PagePool();
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;

  /// Sets pages aside.
  MemoryBudget::Answer reserve(std::int64_t count);
  /// Gives back pages that were set aside.
  void return_reserve(std::int64_t count);

  /// A page out of a reserve, in use by one holder.
  PageId take();
  /// One more holder.
  void hold(PageId page);
  /// One holder less. The page of the last one is free then, or cached when it is kept. True when it was the last one.
  bool release(PageId page);

  /// The page, which is in use, is to be cached when nobody holds it any more.
  void keep(PageId page);
  /// Frees a cached page.
  void drop(PageId page);
  std::int64_t holders(PageId page) const { return pages_[index_of(page)].holders; }

  std::int64_t capacity() const { return capacity_; }  ///< pages that the whole budget would hold
  std::int64_t in_use() const { return in_use_; }
  std::int64_t cached() const { return cached_.load(std::memory_order_relaxed); }  ///< from any thread
  std::int64_t reserved() const { return reserved_; }
  std::int64_t peak() const { return peak_; }                ///< most in use at once
  std::int64_t num_returns() const { return num_returns_; }  ///< grows when pages or reserves come back
  std::int64_t bytes_per_page() const { return bytes_per_page_; }

  /// Checks that each page is in exactly one state and all are accounted for. Slow: for tests.
  void check() const;

 private:
  struct Page {
    std::int32_t holders = 0;
    bool kept = false;
  };

  static std::size_t index_of(PageId page) { return static_cast<std::size_t>(page); }
  Page& at(PageId page);
  void free(PageId page);

  std::shared_ptr<MemoryBudget> budget_;
  MemoryBudget::Member& member_;
  const std::int64_t bytes_per_page_;
  const std::function<void(PageId)> discard_;
  const std::int64_t capacity_;
  std::vector<Page>
      pages_;  // as many as were ever taken: a large budget of small pages costs nothing before it is used
  std::vector<PageId> free_;
  std::int64_t in_use_ = 0;
  std::atomic<std::int64_t> cached_ = 0;
  std::int64_t reserved_ = 0;
  std::int64_t peak_ = 0;
  std::int64_t num_returns_ = 0;
};

}  // namespace drover::engine
