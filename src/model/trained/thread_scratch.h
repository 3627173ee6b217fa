#pragma once

#include <cstdint>
#include <vector>

#include "model/trained/buffer.h"

namespace drover::model {

/// Memory of the calling thread for one piece of work, kept from piece to piece. At most one object a thread at a time; each call of
/// `of` gives memory of its own, in the same order from piece to piece.
class ThreadScratch {
 public:
  template <typename T>
  T* of(std::int64_t count) {
    auto& buffers = mine();
    if (next_ == buffers.size()) buffers.emplace_back();
    return buffers[next_++].template of<T>(count);
  }

 private:
  static std::vector<Buffer>& mine() {
    thread_local std::vector<Buffer> buffers;
    return buffers;
  }
  std::size_t next_ = 0;
};

}  // namespace drover::model
