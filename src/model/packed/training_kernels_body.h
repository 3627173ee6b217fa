#pragma once

// The kernels of training. Included once by each training_kernels_*.cc, which is compiled for one instruction set and defines
// DROVER_KERNELS_NAME.

#include "base/simd.h"
#include "model/packed/block_attention_body.h"
#include "model/packed/dot.h"
#include "model/packed/pairs_body.h"
#include "model/packed/tile_product_body.h"
#include "model/packed/training_kernels.h"

namespace drover::model {
namespace {

DROVER_INLINE float inverse_root_mean_square(const float* x, std::int64_t width, float eps) {
  F16 squares = all(0.0F);
  std::int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) squares += load(x + i) * load(x + i);
  float sum = sum_of(squares);
  for (; i < width; ++i) sum += x[i] * x[i];
  return 1.0F / __builtin_sqrtf(sum / static_cast<float>(width) + eps);
}

template <typename Element>
void normalise(const float* x, const float* weight, std::int64_t width, std::int64_t padded, float eps, Element* out) {
  const F16 factor = all(inverse_root_mean_square(x, width, eps));
  for (std::int64_t i = 0; i < padded; i += kLanes) store(out + i, load(x + i) * factor * load(weight + i));
}

// With n = x / rms(x): the gradient of n is g = gradient * weight, that of x is (g - n mean(g n)) / rms(x).
template <typename Element>
void normalise_backward(const float* x, const float* weight, const float* gradient, std::int64_t width, std::int64_t padded, float eps,
                        float* x_gradient, float* weight_gradient) {
  const float inverse = inverse_root_mean_square(x, width, eps);
  const F16 factor = all(inverse);
  F16 along = all(0.0F);
  for (std::int64_t i = 0; i < padded; i += kLanes) {
    const F16 gradient_n = load(gradient + i) * load(x + i) * factor;
    store(weight_gradient + i, load(weight_gradient + i) + gradient_n);
    along += gradient_n * load(weight + i);
  }
  const F16 mean = all(sum_of(along) / static_cast<float>(width));
  for (std::int64_t i = 0; i < padded; i += kLanes) {
    const F16 g = load(gradient + i) * load(weight + i);
    store(x_gradient + i, load(x_gradient + i) + factor * (g - load(x + i) * factor * mean));
  }
}

inline constexpr std::int64_t kLargestHead = 1024;

// Pairs are (i, i + head_dim / 2).
template <typename Element>
DROVER_INLINE void rotate_head(const HeadRotation<Element>& how, const float* x, float* out) {
  const std::int64_t half = how.head_dim / 2;
  for (std::int64_t i = 0; i < half; ++i) {
    out[i] = x[i] * how.cosines[i] - x[i + half] * how.sines[i];
    out[i + half] = x[i + half] * how.cosines[i] + x[i] * how.sines[i];
  }
}
template <typename Element>
DROVER_INLINE void rotate_head_back(const HeadRotation<Element>& how, const float* x, float* out) {
  const std::int64_t half = how.head_dim / 2;
  for (std::int64_t i = 0; i < half; ++i) {
    out[i] = x[i] * how.cosines[i] + x[i + half] * how.sines[i];
    out[i + half] = x[i + half] * how.cosines[i] - x[i] * how.sines[i];
  }
}

template <typename Element>
DROVER_INLINE void round_head(const float* x, std::int64_t count, Element* out) {
  for (std::int64_t i = 0; i < count; i += kLanes) store(out + i, load(x + i));
}

template <typename Element>
void rotate(const HeadRotation<Element>& how, const float* products, Element* out) {
  alignas(64) float scaled[kLargestHead];
  alignas(64) float turned[kLargestHead];
  for (std::int64_t i = how.head_dim; i < how.padded_head_dim; ++i) turned[i] = 0.0F;
  const float* x = products;
  for (std::int64_t head = 0; head < how.num_heads + how.num_kv_heads; ++head, x += how.padded_head_dim, out += how.padded_head_dim) {
    const float* norm = head < how.num_heads ? how.query_norm : how.key_norm;
    const float* from = x;
    if (norm != nullptr) {
      const float inverse = inverse_root_mean_square(x, how.head_dim, how.norm_eps);
      for (std::int64_t i = 0; i < how.head_dim; ++i) scaled[i] = x[i] * inverse * norm[i];
      from = scaled;
    }
    rotate_head(how, from, turned);
    round_head(turned, how.padded_head_dim, out);
  }
  for (std::int64_t head = 0; head < how.num_kv_heads; ++head, x += how.padded_head_dim, out += how.padded_head_dim) {
    round_head(x, how.padded_head_dim, out);
  }
}

// As normalise_backward for a head of any width; the gradient of x replaces `out`.
DROVER_INLINE void normalise_head_backward(const float* x, const float* weight, const float* gradient, std::int64_t width, float eps,
                                           float* out, float* weight_gradient) {
  const float inverse = inverse_root_mean_square(x, width, eps);
  float along = 0.0F;
  for (std::int64_t i = 0; i < width; ++i) {
    const float gradient_n = gradient[i] * x[i] * inverse;
    weight_gradient[i] += gradient_n;
    along += gradient_n * weight[i];
  }
  along /= static_cast<float>(width);
  for (std::int64_t i = 0; i < width; ++i) out[i] = inverse * (gradient[i] * weight[i] - x[i] * inverse * along);
}

template <typename Element>
void rotate_backward(const HeadRotation<Element>& how, const float* products, const float* query_gradients, const float* key_gradients,
                     const float* value_gradients, std::int64_t head_stride, float* query_norm_gradient, float* key_norm_gradient,
                     Element* out) {
  alignas(64) float gradient[kLargestHead];
  alignas(64) float turned[kLargestHead];
  alignas(64) float raw[kLargestHead];
  const std::int64_t parts = how.num_heads / how.num_kv_heads;
  const std::int64_t padded = how.padded_head_dim;
  for (std::int64_t i = how.head_dim; i < padded; ++i) turned[i] = raw[i] = 0.0F;
  const auto gather = [&](const float* from, std::int64_t kv_head) {
    const float* first = from + kv_head * parts * head_stride;
    for (std::int64_t i = 0; i < padded; i += kLanes) {
      F16 total = load(first + i);
      for (std::int64_t part = 1; part < parts; ++part) total += load(first + part * head_stride + i);
      store(gradient + i, total);
    }
  };
  for (std::int64_t head = 0; head < how.num_heads + how.num_kv_heads; ++head, out += padded) {
    const bool is_query = head < how.num_heads;
    if (!is_query) gather(key_gradients, head - how.num_heads);
    rotate_head_back(how, is_query ? query_gradients + head * padded : gradient, turned);
    const float* norm = is_query ? how.query_norm : how.key_norm;
    if (norm == nullptr) {
      round_head(turned, padded, out);
    } else {
      normalise_head_backward(products + head * padded, norm, turned, how.head_dim, how.norm_eps, raw,
                              is_query ? query_norm_gradient : key_norm_gradient);
      round_head(raw, padded, out);
    }
  }
  for (std::int64_t head = 0; head < how.num_kv_heads; ++head, out += padded) {
    gather(value_gradients, head);
    round_head(gradient, padded, out);
  }
}

template <typename Element>
void round(const float* x, std::int64_t count, Element* out) {
  for (std::int64_t i = 0; i < count; i += kLanes) store(out + i, load(x + i));
}

template <typename Element>
float dot(const Element* a, const Element* b, std::int64_t count) {
  F16 sum = all(0.0F);
  for (std::int64_t i = 0; i < count; i += kLanes) sum += widened(a + i) * widened(b + i);
  return sum_of(sum);
}

template <typename Element>
float log_sum_exp(const float* x, std::int64_t count) {
  F16 top = all(x[0]);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) top = larger(top, load(x + i));
  float largest = largest_of(top);
  for (std::int64_t j = i; j < count; ++j) largest = x[j] > largest ? x[j] : largest;
  F16 sum = all(0.0F);
  for (i = 0; i + kLanes <= count; i += kLanes) sum += exp(load(x + i) - all(largest));
  float total = sum_of(sum);
  for (; i < count; ++i) total += exp(all(x[i] - largest))[0];
  return largest + __builtin_logf(total);
}

template <typename Element>
void exponentials(const float* x, float shift, std::int64_t count, Element* out) {
  for (std::int64_t i = 0; i < count; i += kLanes) store(out + i, exp(load(x + i) - all(shift)));
}

template <typename Element>
void scaled_pairs(const Element* p, std::int64_t stride, std::int64_t rows, const float* factors, Element* out) {
  constexpr std::int64_t kUnit = Dot<Element>::kPerUnit;
  for (std::int64_t row = 0; row < rows; row += kUnit) {
    for (std::int64_t i = 0; i < kPanelColumns; i += kLanes) {
      const F16 even = widened(p + row * stride + i) * all(factors[row]);
      F16 odd = all(0.0F);
      if (kUnit == 2 && row + 1 < rows) odd = widened(p + (row + 1) * stride + i) * all(factors[row + 1]);
      store_pair(out + row * kPanelColumns + i * kUnit, even, odd);
    }
  }
}

template <typename Element>
void add_scaled(const float* from, float factor, std::int64_t count, float* to) {
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(to + i, load(to + i) + load(from + i) * all(factor));
  for (; i < count; ++i) to[i] += from[i] * factor;
}

DROVER_INLINE F16 root(F16 x) {
#if defined(__AVX512F__)
  return (F16)_mm512_sqrt_ps((__m512)x);
#else
  F16 out = x;
  for (int i = 0; i < kLanes; ++i) out[i] = __builtin_sqrtf(x[i]);
  return out;
#endif
}

// One AdamW step for 16 weights.
DROVER_INLINE F16 stepped(const AdamWStep& step, F16 weight, const float* gradient, float* first, float* second) {
  const F16 g = load(gradient) * all(step.gradient_scale);
  const F16 old = load(first);
  const F16 m = old + all(1.0F - step.beta1) * (g - old);
  const F16 v = load(second) * all(step.beta2) + all(1.0F - step.beta2) * g * g;
  store(first, m);
  store(second, v);
  return weight * all(step.decay) - all(step.rate) * m / (root(v) * all(step.root_correction) + all(step.epsilon));
}

// Sixteen pairs of weights as words, and what rounding took from them. Halves are rounded up in magnitude, so that what is taken away
// fits 16 bits with a sign.
DROVER_INLINE void split_words(F16 even, F16 odd, BFloat16* weights, std::int16_t* low) {
  const U16 e = (U16)even, o = (U16)odd;
  const U16 words = ((e + 0x8000U) >> 16) | ((o + 0x8000U) & 0xFFFF0000U);
  const U16 rest = (e & 0xFFFFU) | (o << 16);
  __builtin_memcpy(weights, &words, sizeof words);
  __builtin_memcpy(low, &rest, sizeof rest);
}
DROVER_INLINE void join_words(const BFloat16* weights, const std::int16_t* low, F16& even, F16& odd) {
  U16 words, rest;
  __builtin_memcpy(&words, weights, sizeof words);
  __builtin_memcpy(&rest, low, sizeof rest);
  even = (F16)((words << 16) + (U16)((I16)(rest << 16) >> 16));
  odd = (F16)((words & 0xFFFF0000U) + (U16)((I16)rest >> 16));
}

template <typename Element>
void adamw(const AdamWStep& step, std::int64_t units, Element* weights, std::int16_t* low, const float* gradients, float* first,
           float* second);

template <>
void adamw(const AdamWStep& step, std::int64_t units, BFloat16* weights, std::int16_t* low, const float* gradients, float* first,
           float* second) {
  for (std::int64_t u = 0; u < units; ++u) {
    for (std::int64_t i = 0; i < kPanelColumns; i += kLanes) {
      const std::int64_t word = 2 * (u * kPanelColumns + i);
      const std::int64_t at = 2 * u * kPanelColumns + i;
      F16 even, odd;
      join_words(weights + word, low + word, even, odd);
      even = stepped(step, even, gradients + at, first + at, second + at);
      odd = stepped(step, odd, gradients + at + kPanelColumns, first + at + kPanelColumns, second + at + kPanelColumns);
      split_words(even, odd, weights + word, low + word);
    }
  }
}

template <>
void adamw(const AdamWStep& step, std::int64_t units, float* weights, std::int16_t* /*low*/, const float* gradients, float* first,
           float* second) {
  for (std::int64_t at = 0; at < units * kPanelColumns; at += kLanes) {
    store(weights + at, stepped(step, load(weights + at), gradients + at, first + at, second + at));
  }
}

template <typename Element>
void split_master(const float* master, std::int64_t units, Element* weights, std::int16_t* low);
template <>
void split_master(const float* master, std::int64_t units, BFloat16* weights, std::int16_t* low) {
  for (std::int64_t u = 0; u < units; ++u) {
    for (std::int64_t i = 0; i < kPanelColumns; i += kLanes) {
      const float* even = master + 2 * u * kPanelColumns + i;
      const std::int64_t word = 2 * (u * kPanelColumns + i);
      split_words(load(even), load(even + kPanelColumns), weights + word, low + word);
    }
  }
}
template <>
void split_master(const float* master, std::int64_t units, float* weights, std::int16_t* /*low*/) {
  for (std::int64_t i = 0; i < units * kPanelColumns; i += kLanes) store(weights + i, load(master + i));
}

template <typename Element>
void join_master(const Element* weights, const std::int16_t* low, std::int64_t units, float* master);
template <>
void join_master(const BFloat16* weights, const std::int16_t* low, std::int64_t units, float* master) {
  for (std::int64_t u = 0; u < units; ++u) {
    for (std::int64_t i = 0; i < kPanelColumns; i += kLanes) {
      const std::int64_t word = 2 * (u * kPanelColumns + i);
      F16 even, odd;
      join_words(weights + word, low + word, even, odd);
      store(master + 2 * u * kPanelColumns + i, even);
      store(master + (2 * u + 1) * kPanelColumns + i, odd);
    }
  }
}
template <>
void join_master(const float* weights, const std::int16_t* /*low*/, std::int64_t units, float* master) {
  for (std::int64_t i = 0; i < units * kPanelColumns; i += kLanes) store(master + i, load(weights + i));
}

template <typename Element>
double sum_of_squares(const float* x, std::int64_t count) {
  constexpr std::int64_t kBlock = 4096;
  double total = 0.0;
  for (std::int64_t begin = 0; begin < count; begin += kBlock) {
    const std::int64_t end = begin + kBlock < count ? begin + kBlock : count;
    F16 squares = all(0.0F);
    std::int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) squares += load(x + i) * load(x + i);
    float sum = sum_of(squares);
    for (; i < end; ++i) sum += x[i] * x[i];
    total += static_cast<double>(sum);
  }
  return total;
}

template <typename Element>
constexpr TrainingKernels<Element> kTrainingKernels = {.multiply = multiply<Element>,
                                                       .attend = attend<Element>,
                                                       .attend_backward = attend_backward<Element>,
                                                       .normalise = normalise<Element>,
                                                       .normalise_backward = normalise_backward<Element>,
                                                       .rotate = rotate<Element>,
                                                       .rotate_backward = rotate_backward<Element>,
                                                       .round = round<Element>,
                                                       .pair_rows = pair_rows<Element>,
                                                       .panel_of_rows = panel_of_rows<Element>,
                                                       .transpose_block = transpose_block<Element>,
                                                       .dot = dot<Element>,
                                                       .log_sum_exp = log_sum_exp<Element>,
                                                       .exponentials = exponentials<Element>,
                                                       .scaled_pairs = scaled_pairs<Element>,
                                                       .add_scaled = add_scaled<Element>,
                                                       .adamw = adamw<Element>,
                                                       .split_master = split_master<Element>,
                                                       .join_master = join_master<Element>,
                                                       .sum_of_squares = sum_of_squares<Element>,
                                                       .name = DROVER_KERNELS_NAME};

}  // namespace
}  // namespace drover::model
