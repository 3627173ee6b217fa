#include "model/cuda/decode_step.h"

#include "model/cuda/launchers.h"

namespace drover::model::DROVER_DEVICE_NAMESPACE {

void launch_add_and_norm(const AddAndNorm& arguments, ElementType type, void* stream) {
  constexpr int kShared = kNormThreads / kWarpThreads * static_cast<int>(sizeof(float));
  with_element(type, [&](auto element) { launch(&add_and_norm<decltype(element)>, {arguments.rows, 1}, kNormThreads, kShared, stream, arguments); });
}

void launch_rotate_into_pages(const RotateIntoPages& arguments, ElementType type, void* stream) {
  constexpr int kWarps = kRotateThreads / kWarpThreads;
  const int jobs = arguments.tokens * (arguments.heads + 2 * arguments.kv_heads);
  with_element(type, [&](auto element) { launch(&rotate_into_pages<decltype(element)>, {(jobs + kWarps - 1) / kWarps, 1}, kRotateThreads, 0, stream, arguments); });
}

void launch_swiglu(const SwiGlu& arguments, ElementType type, void* stream) {
  const auto blocks = static_cast<int>((arguments.count + kSwiGluThreads - 1) / kSwiGluThreads);
  with_element(type, [&](auto element) { launch(&swiglu<decltype(element)>, {blocks, 1}, kSwiGluThreads, 0, stream, arguments); });
}

}  // namespace drover::model::DROVER_DEVICE_NAMESPACE
