#pragma once

#include <ATen/ATen.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace drover::model {

/// The rotated keys and the values of one sequence's tokens, for sampling. It grows as needed. Movable; a copy costs its size and
/// has a name.
class KvCache {
 public:
  KvCache() = default;
  KvCache(KvCache&&) = default;
  KvCache& operator=(KvCache&&) = default;

  /// The tokens that are in the cache: the next one has this position.
  std::int64_t length() const { return length_; }

  /// An independent cache with the same content: K samples of one prompt start from K copies.
  KvCache copy() const;

  /// Forgets all tokens from `length` on; it must not exceed length() (checked).
  void truncate(std::int64_t length);

 private:
  friend class Decoder;
  KvCache(const KvCache&) = default;

  struct Layer {
    at::Tensor keys;    // [capacity, num_kv_heads, head_dim]
    at::Tensor values;  // the same shape
  };
  struct Content {
    at::Tensor keys;    // [tokens, num_kv_heads, head_dim]
    at::Tensor values;  // the same shape
  };
  /// Writes the new tokens' keys and values of a layer behind the old ones and returns both together; `length_` stays until advance().
  Content append(std::size_t layer, const at::Tensor& keys, const at::Tensor& values);
  void advance(std::int64_t tokens) { length_ += tokens; }

  std::vector<Layer> layers_;
  std::int64_t length_ = 0;
};

}  // namespace drover::model
