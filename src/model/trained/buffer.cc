#include "model/trained/buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace drover::model {

void Buffer::Free::operator()(void* memory) const { std::free(memory); }

void* Buffer::reserve(std::size_t bytes) {
  constexpr std::size_t kPage = 4096, kLargePage = std::size_t{2} << 20;
  if (bytes <= size_) return memory_.get();
  const std::size_t page = bytes < 4 * kLargePage ? kPage : kLargePage;
  const std::size_t whole = (bytes + page - 1) / page * page;
  memory_.reset();
  size_ = 0;
  memory_.reset(std::aligned_alloc(page, whole));
  if (memory_ == nullptr) throw std::bad_alloc();
  size_ = whole;
  if (page == kLargePage) ::madvise(memory_.get(), whole, MADV_HUGEPAGE);  // only speed depends on it
  return memory_.get();
}

void* Buffer::reserve_zeros(std::size_t bytes) {
  free();
  memory_.reset(std::calloc(bytes, 1));  // large ones come from the system, which zeroes pages when they are used
  if (memory_ == nullptr) throw std::bad_alloc();
  size_ = bytes;
  return memory_.get();
}

void Buffer::free() {
  memory_.reset();
  size_ = 0;
}

}  // namespace drover::model
