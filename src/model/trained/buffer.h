#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace drover::model {

/// Memory for `count` numbers that begins at a page of memory, in large pages where the system has them, and grows when asked. Its
/// content is lost when it grows.
class Buffer {
 public:
  /// Room for `bytes`.
  void* reserve(std::size_t bytes);
  /// Room for `bytes` that are zero; they take memory only once they are written to.
  void* reserve_zeros(std::size_t bytes);
  void free();
  template <typename T>
  T* of(std::int64_t count) {
    return static_cast<T*>(reserve(static_cast<std::size_t>(count) * sizeof(T)));
  }
  std::size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(void* memory) const;
  };
  std::unique_ptr<void, Free> memory_;
  std::size_t size_ = 0;
};

}  // namespace drover::model
