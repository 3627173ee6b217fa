#include "model/kv_cache.h"

#include <algorithm>

#include "base/error.h"

namespace drover::model {
namespace {

constexpr std::int64_t kFirstCapacity = 64;

at::Tensor grown(const at::Tensor& old, const at::Tensor& like, std::int64_t length, std::int64_t capacity) {
  at::Tensor larger = at::empty({capacity, like.size(1), like.size(2)}, like.options());
  if (length > 0) larger.slice(0, 0, length).copy_(old.slice(0, 0, length));
  return larger;
}

}  // namespace

KvCache KvCache::copy() const {
  KvCache other;
  other.length_ = length_;
  for (const Layer& layer : layers_) {
    other.layers_.push_back({layer.keys.slice(0, 0, length_).clone(), layer.values.slice(0, 0, length_).clone()});
  }
  return other;
}

void KvCache::truncate(std::int64_t length) {
  DROVER_CHECK(length >= 0 && length <= length_, "A cache of {} tokens cannot be cut to {}", length_, length);
  length_ = length;
}

KvCache::Content KvCache::append(std::size_t layer, const at::Tensor& keys, const at::Tensor& values) {
  if (layers_.size() <= layer) layers_.resize(layer + 1);
  Layer& own = layers_[layer];
  const std::int64_t end = length_ + keys.size(0);
  if (!own.keys.defined() || own.keys.size(0) < end) {
    const std::int64_t capacity = std::max({kFirstCapacity, end, 2 * length_});
    own.values = grown(own.values, values, length_, capacity);
    own.keys = grown(own.keys, keys, length_, capacity);
  }
  own.keys.slice(0, length_, end).copy_(keys);
  own.values.slice(0, length_, end).copy_(values);
  return {own.keys.slice(0, 0, end), own.values.slice(0, 0, end)};
}

}  // namespace drover::model
