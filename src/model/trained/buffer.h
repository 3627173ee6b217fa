#pragma once

#include <cstddef>
#include <cstdint>

namespace drover::model {

/// Memory for numbers, straight from the system: it begins at a page of memory, and grows when asked. Its content is lost when it grows.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  /// Room for `bytes`.
  void* reserve(std::size_t bytes);
  template <typename T>
  T* of(std::int64_t count) {
    return static_cast<T*>(reserve(static_cast<std::size_t>(count) * sizeof(T)));
  }
  /// Room for `bytes` that are zero, in place of what was there; they take memory when they are first written to. `whole`: all will be.
  void* reserve_zeros(std::size_t bytes, bool whole);
  void free();
  std::size_t size() const { return size_; }

 private:
  void map(std::size_t bytes, bool in_large_pages);

  void* memory_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace drover::model
