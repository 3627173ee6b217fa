#include "model/trained/buffer.h"

#include <sys/mman.h>

#include <new>
#include <utility>

namespace drover::model {
namespace {

constexpr std::size_t kPage = 4096, kLargePage = std::size_t{2} << 20;

}  // namespace

Buffer::Buffer(Buffer&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(size_, other.size_);
  return *this;
}

Buffer::~Buffer() { free(); }

void* Buffer::reserve(std::size_t bytes) {
  if (bytes <= size_) return memory_;
  free();
  map(bytes, bytes >= 4 * kLargePage);
  return memory_;
}

void* Buffer::reserve_zeros(std::size_t bytes, bool whole) {
  free();
  map(bytes, whole);
  return memory_;
}

// Straight from the system: pages are zero, and are taken when they are first written to.
void Buffer::map(std::size_t bytes, bool in_large_pages) {
  // Not rounded up to large pages: a model has hundreds of matrices of two or three each, and would take an eighth more. Mappings lie side
  // by side, so the system can still fill large pages with neighbours.
  const std::size_t whole = (bytes + kPage - 1) / kPage * kPage;
  if (whole == 0) return;
  void* memory = ::mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  memory_ = memory;
  size_ = whole;
  if (in_large_pages) ::madvise(memory, whole, MADV_HUGEPAGE);  // only speed depends on it
}

void Buffer::free() {
  if (memory_ != nullptr) ::munmap(memory_, size_);
  memory_ = nullptr;
  size_ = 0;
}

}  // namespace drover::model
