#include "model/cuda/attention_backward.h"

#include "model/cuda/launchers.h"

namespace drover::model::DROVER_DEVICE_NAMESPACE {

void launch_attention_backward(const AttentionBackward& arguments, ElementType type, void* stream) {
  constexpr int kWarps = kDeltaThreads / kWarpThreads;
  const Grid pairs{(arguments.num_tokens * arguments.inputs.heads + kWarps - 1) / kWarps, 1};
  with_element(type, [&](auto element) {
    using Element = decltype(element);
    launch(&attend_delta<Element>, pairs, kDeltaThreads, 0, stream, arguments);
    with_head_dim(arguments.inputs.head_dim, [&](auto head_dim) {
      constexpr int kHeadDim = decltype(head_dim)::value;
      using Layout = BackwardLayout<Element, kHeadDim>;
      static_assert(Layout::kSharedBytes <= 99 * 1024);
      launch(&attend_query_gradient<Element, kHeadDim>, {arguments.num_items, arguments.inputs.kv_heads}, Layout::kThreads, Layout::kSharedBytes, stream, arguments);
      launch(&attend_key_gradients<Element, kHeadDim>, {arguments.num_key_items, arguments.inputs.kv_heads}, Layout::kThreads, Layout::kSharedBytes, stream, arguments);
    });
  });
}

}  // namespace drover::model::DROVER_DEVICE_NAMESPACE
