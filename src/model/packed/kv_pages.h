#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/paged_model.h"

namespace drover::model {

/// Memory for pages of keys and values: address space for all of them at once, memory when a page is first written.
class KvPages {
 public:
  explicit KvPages(std::int64_t bytes_per_page);
  ~KvPages();
  KvPages(const KvPages&) = delete;
  KvPages& operator=(const KvPages&) = delete;

  std::int64_t bytes_per_page() const { return bytes_per_page_; }

  /// Once. Throws SurroundingsError when the system gives no address space.
  void reserve(std::int64_t count);

  /// The page must be reserved (checked). Bytes that were never written since the start or the last discard are 0.
  std::byte* at(engine::PageId page) const;
  void copy(engine::PageId from, engine::PageId to);
  void discard(engine::PageId page);

 private:
  std::int64_t bytes_per_page_;
  std::int64_t count_ = 0;
  std::byte* memory_ = nullptr;
};

}  // namespace drover::model
