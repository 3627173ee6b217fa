#include "model/cuda/attention_forward.h"

#include "model/cuda/launchers.h"

namespace drover::model::DROVER_DEVICE_NAMESPACE {

void launch_attention(const AttentionForward& arguments, ElementType type, void* stream) {
  with_element(type, [&](auto element) {
    with_head_dim(arguments.inputs.head_dim, [&](auto head_dim) {
      using Element = decltype(element);
      using Layout = ForwardLayout<Element, decltype(head_dim)::value>;
      launch(&attend_forward<Element, decltype(head_dim)::value>, {arguments.num_items, arguments.inputs.kv_heads}, Layout::kThreads, Layout::kSharedBytes, stream, arguments);
    });
  });
}

void launch_merge(const AttentionMerge& arguments, ElementType type, void* stream) {
  constexpr int kWarps = kMergeThreads / kWarpThreads;
  const Grid grid{(arguments.num_tokens * arguments.heads + kWarps - 1) / kWarps, 1};
  with_element(type, [&](auto element) { launch(&merge_partial<decltype(element)>, grid, kMergeThreads, 0, stream, arguments); });
}

}  // namespace drover::model::DROVER_DEVICE_NAMESPACE
