#pragma once

#include <type_traits>

#include "model/cuda/attention_arguments.h"
#include "model/cuda/bfloat16_bits.h"
#include "model/cuda/decode_step_arguments.h"
#include "model/cuda/device_language.h"

namespace drover::model::DROVER_DEVICE_NAMESPACE {

// What device_kernels.h says of each of these.
void launch_attention(const AttentionForward& arguments, ElementType type, void* stream);
void launch_merge(const AttentionMerge& arguments, ElementType type, void* stream);
void launch_attention_backward(const AttentionBackward& arguments, ElementType type, void* stream);
void launch_add_and_norm(const AddAndNorm& arguments, ElementType type, void* stream);
void launch_rotate_into_pages(const RotateIntoPages& arguments, ElementType type, void* stream);
void launch_swiglu(const SwiGlu& arguments, ElementType type, void* stream);

/// Calls work with the type that `type` names.
template <class Work>
void with_element(ElementType type, const Work& work) {
  if (type == ElementType::kBFloat16) work(BFloat16{});
  else work(float{});
}

/// Calls work with the smallest padded head size that holds `head_dim`, as a std::integral_constant.
template <class Work>
void with_head_dim(int head_dim, const Work& work) {
  if (head_dim <= 32) work(std::integral_constant<int, 32>());
  else if (head_dim <= 64) work(std::integral_constant<int, 64>());
  else if (head_dim <= 96) work(std::integral_constant<int, 96>());
  else work(std::integral_constant<int, 128>());
}

}  // namespace drover::model::DROVER_DEVICE_NAMESPACE
