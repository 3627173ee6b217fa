#pragma once

#include <ATen/ATen.h>

#include <span>

#include "model/attention_blocks.h"

namespace drover::model {

/// Attention of queries [queries, heads, head_dim] over keys and values [keys, kv_heads, head_dim] under a mask [queries, keys] of
/// booleans (true: seen), scores divided by sqrt(head_dim). Scores, softmax and sums are float32; the result has the queries' shape
/// and type. The plainly right path: it holds the scores of all pairs; LibTorch differentiates it.
at::Tensor attend_masked(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values, const at::Tensor& mask);

/// The same through LibTorch's fused attention, for devices without the block kernel; an undefined mask hides nothing.
at::Tensor attend_fused(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values, const at::Tensor& mask);

/// The same for a mask that is given as blocks, of which the first ones that touch a query must be enough to give it a key: one flash
/// kernel call a block, merged by log-sum-exp. CPU only. Differentiable: the kernel's backward, called with the merged output and
/// log-sum-exp, gives each block's exact part of the gradients.
at::Tensor attend_blocks(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values,
                         std::span<const AttentionBlock> blocks);

/// The mask [queries, keys] that blocks describe, on the CPU.
at::Tensor mask_of(std::span<const AttentionBlock> blocks, std::int64_t num_queries, std::int64_t num_keys);

}  // namespace drover::model
