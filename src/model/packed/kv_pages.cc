#include "model/packed/kv_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace drover::model {

KvPages::KvPages(std::int64_t bytes_per_page) : bytes_per_page_(bytes_per_page) { DROVER_CHECK(bytes_per_page > 0, "Pages of no bytes"); }

KvPages::~KvPages() {
  if (memory_ != nullptr) ::munmap(memory_, static_cast<std::size_t>(count_ * bytes_per_page_));
}

void KvPages::reserve(std::int64_t count) {
  DROVER_CHECK(memory_ == nullptr && count > 0, "Pages are reserved once, and {} of them", count);
  const auto bytes = static_cast<std::size_t>(count * bytes_per_page_);
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    throw base::SurroundingsError("No address space for {} pages of {} bytes: {}. Give keys and values less memory.", count, bytes_per_page_, std::strerror(errno));
  }
  ::madvise(memory, bytes, MADV_HUGEPAGE);  // fewer address translations where the system can; no harm where it cannot
  memory_ = static_cast<std::byte*>(memory);
  count_ = count;
}

std::byte* KvPages::at(engine::PageId page) const {
  const auto index = static_cast<std::int64_t>(page);
  DROVER_CHECK(index >= 0 && index < count_, "Page {} of {}", index, count_);
  return memory_ + index * bytes_per_page_;
}

void KvPages::copy(engine::PageId from, engine::PageId to) {
  std::memcpy(at(to), at(from), static_cast<std::size_t>(bytes_per_page_));
}

void KvPages::discard(engine::PageId page) {
  const auto bytes = static_cast<std::size_t>(bytes_per_page_);
  // The system forgets whole pages of its own: one that ends in the next of ours would take that one's beginning along.
  if (bytes_per_page_ % ::sysconf(_SC_PAGESIZE) == 0 && ::madvise(at(page), bytes, MADV_DONTNEED) == 0) return;
  std::memset(at(page), 0, bytes);
}

}  // namespace drover::model
