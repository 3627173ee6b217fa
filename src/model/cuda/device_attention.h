#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <span>
#include <vector>

#include "model/cuda/attention_plan.h"
#include "model/cuda/device_kernels.h"

namespace drover::model {

/// Numbers of a plan, all in one copy to the device.
class DeviceNumbers {
 public:
  /// Appends `values`, aligned to 16 bytes; where they begin, in int32 numbers.
  template <class Value>
  std::int64_t add(const std::vector<Value>& values) {
    static_assert(sizeof(Value) % sizeof(std::int32_t) == 0);
    numbers_.resize((numbers_.size() + 3) / 4 * 4);
    const auto begin = static_cast<std::int64_t>(numbers_.size());
    const auto* from = reinterpret_cast<const std::int32_t*>(values.data());
    numbers_.insert(numbers_.end(), from, from + values.size() * (sizeof(Value) / sizeof(std::int32_t)));
    return begin;
  }
  /// One int32 tensor on the device, complete when the device's current stream gets to it.
  at::Tensor on(const at::Device& device) const;

 private:
  std::vector<std::int32_t> numbers_;
};

/// A row's plan on a device: made once, used by all layers, forward and backward.
struct DeviceRow {
  const DeviceKernels* kernels = nullptr;
  AttentionPlan plan;
  at::Tensor numbers;  ///< int32
  std::int64_t items = 0, pieces = 0, key_items = 0, key_pieces = 0;  ///< where they begin
  std::int64_t num_tokens = 0;
  std::int32_t window = kNoWindow;
};

/// `pieces` cover each visible pair of the row once; `group` query heads share a key-value head.
std::shared_ptr<const DeviceRow> make_device_row(std::span<const VisiblePiece> pieces, std::int64_t num_tokens, std::int64_t sliding_window, std::int64_t group,
                                                 at::ScalarType type, const at::Device& device, const DeviceKernels& kernels);

/// Attention over a row by a device's own kernels: the same numbers as `attend_masked` (attention.h), up to rounding; differentiable, the
/// gradients bit for bit the same in each run. queries [tokens, heads, head_dim], keys and values [tokens, kv_heads, head_dim], of one type.
at::Tensor attend_on_device(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values, const std::shared_ptr<const DeviceRow>& row);

}  // namespace drover::model
