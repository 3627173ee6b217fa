#include "model/attention.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <tuple>
#include <vector>

#include "base/error.h"

namespace drover::model {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// [tokens, heads, dim] as [kv_heads, heads / kv_heads, tokens, dim]: the key-value heads are the kernel's batch, and the queries
// that share one are its heads, so that keys and values need no copies.
Tensor grouped_queries(const Tensor& queries, std::int64_t kv_heads) {
  return queries.view({queries.size(0), kv_heads, queries.size(1) / kv_heads, queries.size(2)}).permute({1, 2, 0, 3});
}

Tensor grouped_keys(const Tensor& keys, std::int64_t group) {
  return keys.permute({1, 0, 2}).unsqueeze(1).expand({keys.size(1), group, keys.size(0), keys.size(2)});
}

Tensor ungrouped(const Tensor& output) {
  return output.permute({2, 0, 1, 3}).reshape({output.size(2), output.size(0) * output.size(1), output.size(3)});
}

Tensor slice(const Tensor& tensor, std::int64_t begin, std::int64_t end) { return tensor.slice(2, begin, end); }

struct Attended {
  Tensor output;       // [kv_heads, group, queries, dim], the queries' type
  Tensor log_sum_exp;  // [kv_heads, group, queries] float32
};

Attended attend_block(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionBlock& block) {
  auto [output, log_sum_exp] = at::_scaled_dot_product_flash_attention_for_cpu(
      slice(q, block.query_begin, block.query_end), slice(k, block.key_begin, block.key_end),
      slice(v, block.key_begin, block.key_end), /*dropout_p=*/0.0, block.causal);
  return {output, log_sum_exp};
}

void merge(const Attended& part, const AttentionBlock& block, Attended& whole) {
  Tensor output = slice(whole.output, block.query_begin, block.query_end);
  Tensor log_sum_exp = slice(whole.log_sum_exp, block.query_begin, block.query_end);
  const Tensor total = at::logaddexp(log_sum_exp, part.log_sum_exp);
  output.mul_((log_sum_exp - total).exp_().unsqueeze(-1));
  output.add_((part.log_sum_exp - total).exp_().unsqueeze(-1) * part.output);
  log_sum_exp.copy_(total);
}

Attended attend_all(const Tensor& q, const Tensor& k, const Tensor& v, std::span<const AttentionBlock> blocks) {
  if (blocks.size() == 1) return attend_block(q, k, v, blocks.front());
  // Float32 while parts are merged: each merge would round a bfloat16 output anew.
  Attended whole;
  whole.output = at::zeros(q.sizes(), q.options().dtype(at::kFloat));
  whole.log_sum_exp = at::full({q.size(0), q.size(1), q.size(2)}, -std::numeric_limits<float>::infinity(),
                               q.options().dtype(at::kFloat));
  std::vector<bool> begun(static_cast<std::size_t>(q.size(2)), false);
  for (const AttentionBlock& block : blocks) {
    const Attended part = attend_block(q, k, v, block);
    if (!begun[static_cast<std::size_t>(block.query_begin)]) {
      slice(whole.output, block.query_begin, block.query_end).copy_(part.output);
      slice(whole.log_sum_exp, block.query_begin, block.query_end).copy_(part.log_sum_exp);
      std::fill(begun.begin() + block.query_begin, begun.begin() + block.query_end, true);
    } else {
      merge(part, block, whole);
    }
  }
  whole.output = whole.output.to(q.scalar_type());
  return whole;
}

std::vector<std::int64_t> flattened(std::span<const AttentionBlock> blocks) {
  std::vector<std::int64_t> numbers;
  for (const AttentionBlock& block : blocks) {
    numbers.insert(numbers.end(), {block.query_begin, block.query_end, block.key_begin, block.key_end, block.causal ? 1 : 0});
  }
  return numbers;
}

std::vector<AttentionBlock> unflattened(const std::vector<std::int64_t>& numbers) {
  std::vector<AttentionBlock> blocks;
  for (std::size_t i = 0; i + 4 < numbers.size(); i += 5) {
    blocks.push_back({numbers[i], numbers[i + 1], numbers[i + 2], numbers[i + 3], numbers[i + 4] != 0});
  }
  return blocks;
}

class BlockAttention : public torch::autograd::Function<BlockAttention> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& queries, const Tensor& keys, const Tensor& values,
                        const std::vector<std::int64_t>& blocks) {
    const std::int64_t group = queries.size(1) / keys.size(1);
    const Attended attended = attend_all(grouped_queries(queries, keys.size(1)), grouped_keys(keys, group),
                                         grouped_keys(values, group), unflattened(blocks));
    context->save_for_backward({queries, keys, values, attended.output, attended.log_sum_exp});
    context->saved_data["blocks"] = blocks;
    return ungrouped(attended.output);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &queries = saved[0], &keys = saved[1], &values = saved[2], &output = saved[3], &log_sum_exp = saved[4];
    const std::int64_t kv_heads = keys.size(1);
    const std::int64_t group = queries.size(1) / kv_heads;
    const Tensor q = grouped_queries(queries, kv_heads);
    const Tensor k = grouped_keys(keys, group);
    const Tensor v = grouped_keys(values, group);
    const Tensor gradient = grouped_queries(gradients[0].contiguous(), kv_heads);
    const auto float_options = queries.options().dtype(at::kFloat);
    Tensor dq = at::zeros(q.sizes(), float_options);
    Tensor dk = at::zeros({kv_heads, keys.size(0), keys.size(2)}, float_options);
    Tensor dv = at::zeros_like(dk);
    for (const AttentionBlock& block : unflattened(context->saved_data["blocks"].toIntVector())) {
      // Exact because output and log-sum-exp are those of the whole row, not of the block.
      const auto [part_q, part_k, part_v] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
          slice(gradient, block.query_begin, block.query_end).contiguous(), slice(q, block.query_begin, block.query_end),
          slice(k, block.key_begin, block.key_end), slice(v, block.key_begin, block.key_end),
          slice(output, block.query_begin, block.query_end),
          slice(log_sum_exp, block.query_begin, block.query_end).contiguous(), /*dropout_p=*/0.0, block.causal);
      slice(dq, block.query_begin, block.query_end).add_(part_q);
      dk.slice(1, block.key_begin, block.key_end).add_(part_k.sum(1, /*keepdim=*/false, at::kFloat));
      dv.slice(1, block.key_begin, block.key_end).add_(part_v.sum(1, /*keepdim=*/false, at::kFloat));
    }
    return {ungrouped(dq).to(queries.scalar_type()), dk.transpose(0, 1).to(keys.scalar_type()),
            dv.transpose(0, 1).to(values.scalar_type()), Tensor()};
  }
};

}  // namespace

Tensor attend_masked(const Tensor& queries, const Tensor& keys, const Tensor& values, const Tensor& mask) {
  const std::int64_t group = queries.size(1) / keys.size(1);
  const Tensor q = grouped_queries(queries, keys.size(1)).to(at::kFloat);
  const Tensor k = grouped_keys(keys.to(at::kFloat), group);
  const Tensor v = grouped_keys(values.to(at::kFloat), group);
  const Tensor scores = at::matmul(q, k.transpose(-2, -1)) * (1.0 / std::sqrt(static_cast<double>(q.size(3))));
  const Tensor weights = at::softmax(scores.masked_fill(mask.logical_not(), -std::numeric_limits<float>::infinity()), -1);
  return ungrouped(at::matmul(weights, v)).to(queries.scalar_type());
}

Tensor attend_fused(const Tensor& queries, const Tensor& keys, const Tensor& values, const Tensor& mask) {
  const std::int64_t group = queries.size(1) / keys.size(1);
  const auto given = mask.defined() ? std::optional<Tensor>(mask) : std::nullopt;
  return ungrouped(at::scaled_dot_product_attention(grouped_queries(queries, keys.size(1)), grouped_keys(keys, group),
                                                    grouped_keys(values, group), given));
}

Tensor attend_blocks(const Tensor& queries, const Tensor& keys, const Tensor& values, std::span<const AttentionBlock> blocks) {
  DROVER_CHECK(queries.device().is_cpu(), "The block kernel runs on the CPU");
  return BlockAttention::apply(queries.contiguous(), keys, values, flattened(blocks));
}

Tensor mask_of(std::span<const AttentionBlock> blocks, std::int64_t num_queries, std::int64_t num_keys) {
  Tensor mask = at::zeros({num_queries, num_keys}, at::kBool);
  for (const AttentionBlock& block : blocks) {
    Tensor part = mask.slice(0, block.query_begin, block.query_end).slice(1, block.key_begin, block.key_end);
    part.fill_(true);
    if (block.causal) part.tril_();
  }
  return mask;
}

}  // namespace drover::model
