#pragma once

#include "model/cuda/attention_arguments.h"
#include "model/cuda/bfloat16_bits.h"
#include "model/cuda/decode_step_arguments.h"
#include "model/cuda/device_language.h"

namespace drover::model::DROVER_DEVICE_NAMESPACE {

inline constexpr int kNormThreads = 256;
inline constexpr int kRotateThreads = 128;
inline constexpr int kSwiGluThreads = 256;

/// One block a row.
template <class Element>
DROVER_KERNEL(kNormThreads) add_and_norm(AddAndNorm arguments) {
  auto* const parts = reinterpret_cast<float*>(shared_memory());  // one a warp
  const std::int64_t begin = static_cast<std::int64_t>(block_x()) * arguments.width;
  float* const stream = arguments.stream + begin;
  const auto* addend = static_cast<const Element*>(arguments.addend);
  float sum = 0.0F;
  for (int i = thread_index(); i < arguments.width; i += kNormThreads) {
    float value = stream[i];
    if (addend != nullptr) {
      value += to_float(addend[begin + i]);
      stream[i] = value;
    }
    sum += value * value;
  }
  sum = sum_of_lanes<kWarpThreads>(sum);
  if (thread_index() % kWarpThreads == 0) parts[thread_index() / kWarpThreads] = sum;
  block_barrier();
  float total = 0.0F;
  for (int warp = 0; warp < kNormThreads / kWarpThreads; ++warp) total += parts[warp];
  const float inverse = 1.0F / sqrtf(total / static_cast<float>(arguments.width) + arguments.epsilon);
  const auto* weight = static_cast<const Element*>(arguments.weight);
  auto* const normed = static_cast<Element*>(arguments.normed) + begin;
  for (int i = thread_index(); i < arguments.width; i += kNormThreads) store(normed + i, stream[i] * inverse * to_float(weight[i]));
}

/// One warp a head of a token: first the query heads, then the key heads, then the value heads.
template <class Element>
DROVER_KERNEL(kRotateThreads) rotate_into_pages(RotateIntoPages arguments) {
  const int heads_of_token = arguments.heads + 2 * arguments.kv_heads;
  const int job = block_x() * (kRotateThreads / kWarpThreads) + thread_index() / kWarpThreads;
  if (job >= arguments.tokens * heads_of_token) return;
  const int token = job / heads_of_token, which = job % heads_of_token, lane = thread_index() % kWarpThreads;
  const int half = arguments.head_dim / 2;
  const bool is_query = which < arguments.heads, is_value = which >= arguments.heads + arguments.kv_heads;
  const int kv_head = which - arguments.heads - (is_value ? arguments.kv_heads : 0);
  const std::int64_t of_key = (static_cast<std::int64_t>(token) * arguments.kv_heads + kv_head) * arguments.head_dim;
  const std::int64_t of_slot = (static_cast<std::int64_t>(arguments.slots[token]) * arguments.kv_heads + kv_head) * arguments.head_dim;
  if (is_value) {
    const Element* from = static_cast<const Element*>(arguments.values) + of_key;
    Element* const to = static_cast<Element*>(arguments.page_values) + of_slot;
    for (int i = lane; i < arguments.head_dim; i += kWarpThreads) to[i] = from[i];
    return;
  }
  Element* const own_query = static_cast<Element*>(arguments.queries) + (static_cast<std::int64_t>(token) * arguments.heads + which) * arguments.head_dim;
  const Element* from = is_query ? own_query : static_cast<const Element*>(arguments.keys) + of_key;
  Element* const to = is_query ? own_query : static_cast<Element*>(arguments.page_keys) + of_slot;
  const auto* norm = static_cast<const Element*>(is_query ? arguments.query_norm : arguments.key_norm);
  float inverse = 1.0F;
  if (norm != nullptr) {
    float sum = 0.0F;
    for (int i = lane; i < arguments.head_dim; i += kWarpThreads) sum += to_float(from[i]) * to_float(from[i]);
    inverse = 1.0F / sqrtf(sum_of_lanes<kWarpThreads>(sum) / static_cast<float>(arguments.head_dim) + arguments.epsilon);
  }
  const auto position = static_cast<float>(arguments.positions[token]);
  for (int i = lane; i < half; i += kWarpThreads) {
    float first = to_float(from[i]), second = to_float(from[i + half]);
    if (norm != nullptr) {  // rounded as the training path rounds it
      first = rounded_as<Element>(first * inverse * to_float(norm[i]));
      second = rounded_as<Element>(second * inverse * to_float(norm[i + half]));
    }
    const float angle = position * arguments.inverse_frequencies[i];
    const float cosine = cosf(angle) * arguments.magnitude, sine = sinf(angle) * arguments.magnitude;
    store(to + i, first * cosine - second * sine);
    store(to + i + half, second * cosine + first * sine);
  }
}

template <class Element>
DROVER_KERNEL(kSwiGluThreads) swiglu(SwiGlu arguments) {
  const std::int64_t i = static_cast<std::int64_t>(block_x()) * kSwiGluThreads + thread_index();
  if (i >= arguments.count) return;
  const float gate = to_float(static_cast<const Element*>(arguments.gate)[i]);
  const float up = to_float(static_cast<const Element*>(arguments.up)[i]);
  store(static_cast<Element*>(arguments.gated) + i, gate / (1.0F + expf(-gate)) * up);
}

}  // namespace drover::model::DROVER_DEVICE_NAMESPACE
