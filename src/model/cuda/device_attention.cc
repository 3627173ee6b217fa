#include "model/cuda/device_attention.h"

#include <c10/core/DeviceGuard.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <utility>

#include "base/error.h"
#include "model/cuda/kernels_of_device.h"

namespace drover::model {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Kernels read rows of 16 bytes at a time.
Tensor aligned(const Tensor& tensor) {
  Tensor dense = tensor.contiguous();
  return reinterpret_cast<std::uintptr_t>(dense.const_data_ptr()) % 16 == 0 ? dense : dense.clone();
}

AttentionInputs inputs_of(const DeviceRow& row, const Tensor& queries, const Tensor& keys, const Tensor& values) {
  return {.queries = queries.const_data_ptr(),
          .keys = keys.const_data_ptr(),
          .values = values.const_data_ptr(),
          .pieces = reinterpret_cast<const VisiblePiece*>(row.numbers.const_data_ptr<std::int32_t>() + row.pieces),
          .page_table = nullptr,
          .heads = static_cast<std::int32_t>(queries.size(1)),
          .kv_heads = static_cast<std::int32_t>(keys.size(1)),
          .head_dim = static_cast<std::int32_t>(queries.size(2)),
          .window = row.window,
          .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(queries.size(2))))};
}

const AttentionItem* items_of(const DeviceRow& row) { return reinterpret_cast<const AttentionItem*>(row.numbers.const_data_ptr<std::int32_t>() + row.items); }

struct HeldRow : torch::CustomClassHolder {
  explicit HeldRow(std::shared_ptr<const DeviceRow> given) : row(std::move(given)) {}
  std::shared_ptr<const DeviceRow> row;
};

class DeviceAttention : public torch::autograd::Function<DeviceAttention> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& given_queries, const Tensor& given_keys, const Tensor& given_values,
                        const std::shared_ptr<const DeviceRow>& row) {
    const c10::DeviceGuard guard(given_queries.device());
    const Tensor queries = aligned(given_queries), keys = aligned(given_keys), values = aligned(given_values);
    const Tensor output = at::empty_like(queries);
    const Tensor log_sum_exp = at::empty({queries.size(0), queries.size(1)}, queries.options().dtype(at::kFloat));
    const AttentionForward arguments{.inputs = inputs_of(*row, queries, keys, values),
                                     .items = items_of(*row),
                                     .num_items = static_cast<std::int32_t>(row->plan.items.size()),
                                     .output = output.mutable_data_ptr(),
                                     .log_sum_exp = log_sum_exp.mutable_data_ptr<float>()};
    row->kernels->attention(arguments, device_type_of(queries.scalar_type()), current_stream(queries.device()));
    context->save_for_backward({queries, keys, values, output, log_sum_exp});
    context->saved_data["row"] = c10::IValue::make_capsule(c10::make_intrusive<HeldRow>(row));
    return output;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &queries = saved[0], &keys = saved[1], &values = saved[2], &output = saved[3], &log_sum_exp = saved[4];
    const c10::DeviceGuard guard(queries.device());
    const auto held = c10::static_intrusive_pointer_cast<HeldRow>(context->saved_data["row"].toCapsule());
    const DeviceRow& row = *held->row;
    const Tensor gradient = aligned(gradients[0].to(queries.scalar_type()));
    const Tensor delta = at::empty_like(log_sum_exp), dq = at::empty_like(queries), dk = at::empty_like(keys), dv = at::empty_like(values);
    const std::int32_t* numbers = row.numbers.const_data_ptr<std::int32_t>();
    const AttentionBackward arguments{.inputs = inputs_of(row, queries, keys, values),
                                      .items = items_of(row),
                                      .num_items = static_cast<std::int32_t>(row.plan.items.size()),
                                      .key_items = reinterpret_cast<const KeyItem*>(numbers + row.key_items),
                                      .num_key_items = static_cast<std::int32_t>(row.plan.key_items.size()),
                                      .key_pieces = reinterpret_cast<const VisiblePiece*>(numbers + row.key_pieces),
                                      .num_tokens = static_cast<std::int32_t>(row.num_tokens),
                                      .output = output.const_data_ptr(),
                                      .output_gradient = gradient.const_data_ptr(),
                                      .log_sum_exp = log_sum_exp.const_data_ptr<float>(),
                                      .delta = delta.mutable_data_ptr<float>(),
                                      .query_gradient = dq.mutable_data_ptr(),
                                      .key_gradient = dk.mutable_data_ptr(),
                                      .value_gradient = dv.mutable_data_ptr()};
    row.kernels->attention_backward(arguments, device_type_of(queries.scalar_type()), current_stream(queries.device()));
    return {dq, dk, dv, Tensor()};
  }
};

}  // namespace

Tensor DeviceNumbers::on(const at::Device& device) const {
  const auto count = static_cast<std::int64_t>(numbers_.size());
  // From pinned memory the copy is queued without waiting; LibTorch keeps the memory until the stream has come by.
  const Tensor staged = at::empty({count}, at::TensorOptions().dtype(at::kInt).pinned_memory(device.is_cuda()));
  std::copy(numbers_.begin(), numbers_.end(), staged.mutable_data_ptr<std::int32_t>());
  return staged.to(device, /*non_blocking=*/true);
}

std::shared_ptr<const DeviceRow> make_device_row(std::span<const VisiblePiece> pieces, std::int64_t num_tokens, std::int64_t sliding_window, std::int64_t group,
                                                 at::ScalarType type, const at::Device& device, const DeviceKernels& kernels) {
  DROVER_CHECK(group >= 1 && group <= kMaxDeviceGroup, "{} query heads share a key-value head", group);
  auto row = std::make_shared<DeviceRow>();
  const ElementType element = device_type_of(type);
  row->kernels = &kernels;
  row->plan = plan_row(pieces, num_tokens, rows_of_item(element) / group, keys_of_item(element));
  row->num_tokens = num_tokens;
  if (sliding_window > 0) row->window = static_cast<std::int32_t>(std::min<std::int64_t>(sliding_window, kNoWindow));
  DeviceNumbers numbers;
  row->items = numbers.add(row->plan.items);
  row->pieces = numbers.add(row->plan.pieces);
  row->key_items = numbers.add(row->plan.key_items);
  row->key_pieces = numbers.add(row->plan.key_pieces);
  row->numbers = numbers.on(device);
  return row;
}

Tensor attend_on_device(const Tensor& queries, const Tensor& keys, const Tensor& values, const std::shared_ptr<const DeviceRow>& row) {
  DROVER_CHECK(queries.size(0) == row->num_tokens && keys.size(0) == row->num_tokens, "{} queries and {} keys of a row of {} tokens", queries.size(0), keys.size(0), row->num_tokens);
  DROVER_CHECK(queries.scalar_type() == keys.scalar_type() && keys.scalar_type() == values.scalar_type(), "Queries, keys and values of different types");
  DROVER_CHECK(queries.size(2) % 8 == 0 && queries.size(2) <= kMaxDeviceHeadDim, "Heads of {} numbers", queries.size(2));
  return DeviceAttention::apply(queries, keys, values, row);
}

}  // namespace drover::model
