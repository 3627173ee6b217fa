#pragma once

#include <cstdint>

#include "model/packed/bfloat16.h"
#include "model/packed/kernels.h"

namespace drover::model {

// The kernels of training. Matrices that are multiplied lie in panels of pairs: [panels][units][64][numbers in a unit], where a unit is
// what one lane of the processor sums at once along k: two bfloat16 or one float32. All widths are padded to whole panels by zeros, so
// there are no tails. Each kernel runs on the calling thread.

/// What happens to a tile of a product.
enum class TileEnd {
  kStore,           ///< out = product
  kAdd,             ///< out += product
  kRound,           ///< rounded = product
  kSwiGlu,          ///< rounded = product; gated = silu(gate) * up; a panel holds 32 columns of the gate, then the same 32 of up
  kSwiGluBackward,  ///< the product is the gradient of `gated`; from `gate_up` come its gradient, in `rounded`, and `gated` anew
};

/// rows x (64 panels) products, summed over k in one order, whatever is computed together.
template <typename Element>
struct TileProduct {
  const Element* a = nullptr;       ///< unit u of row r is at a + r * a_row + u * a_unit
  std::int64_t a_row = 0;
  std::int64_t a_unit = 0;
  std::int64_t rows = 0;
  const Element* b = nullptr;       ///< 64 units of panel p at b + p * b_panel + u * b_unit
  std::int64_t b_panel = 0;
  std::int64_t b_unit = 0;
  std::int64_t panels = 0;
  std::int64_t units = 0;
  const float* bias = nullptr;      ///< [panels * 64] or null
  TileEnd end = TileEnd::kStore;
  float* out = nullptr;             ///< row r of panel p is at out + r * out_row + p * out_panel
  std::int64_t out_row = 0;
  std::int64_t out_panel = kPanelColumns;
  Element* rounded = nullptr;       ///< [rows, width], rows `rounded_row` apart
  std::int64_t rounded_row = 0;
  Element* gated = nullptr;         ///< [rows, width of the gate], rows `gated_row` apart
  std::int64_t gated_row = 0;
  const Element* gate_up = nullptr; ///< kSwiGluBackward: [rows, 2 * width of the gate], rows `rounded_row` apart; may be `rounded`
};

/// Some queries of one head and the keys that they see.
template <typename Element>
struct QueryTile {
  std::int64_t rows = 0;                 ///< at most kBlockTokens
  std::int64_t head_dim = 0;             ///< padded to 64
  float scale = 1.0F;                    ///< of the scores
  const Element* queries = nullptr;      ///< rows `query_row` apart
  std::int64_t query_row = 0;
  std::int64_t num_blocks = 0;
  const std::int32_t* blocks = nullptr;  ///< [num_blocks]: which key blocks
  const std::int32_t* begins = nullptr;  ///< [num_blocks, kBlockTokens]: the first key of the block that a row sees ...
  const std::int32_t* ends = nullptr;    ///< ... and one past the last
  const Element* keys = nullptr;         ///< block b at keys + b * kBlockTokens * head_dim: a panel of 64 keys
  const Element* values = nullptr;       ///< the same: [key units][head_dim][numbers in a unit]
  Element* out = nullptr;                ///< attended values, rows `query_row` apart
  float* log_sums = nullptr;             ///< [rows]: log of the sum of the exponentials of the scores
  float* scratch = nullptr;              ///< query_scratch(head_dim) floats
};

/// Tokens of a block of queries or keys.
inline constexpr std::int64_t kBlockTokens = 64;
/// Key blocks that are weighed together.
inline constexpr std::int64_t kBlocksOfARound = 4;

constexpr std::int64_t query_scratch(std::int64_t head_dim) {
  return kBlockTokens * (2 * kBlocksOfARound * kBlockTokens + head_dim + 2);
}

/// The gradients that one block of queries and one block of keys give to each other.
template <typename Element>
struct BlockPair {
  std::int64_t rows = 0;                     ///< queries
  std::int64_t head_dim = 0;                 ///< padded to 64
  float scale = 1.0F;
  const std::int32_t* begins = nullptr;      ///< [rows]: as in QueryTile
  const std::int32_t* ends = nullptr;
  const Element* queries = nullptr;          ///< rows `query_row` apart
  const Element* out_gradients = nullptr;    ///< the same
  std::int64_t query_row = 0;
  const Element* query_pairs = nullptr;      ///< [query units][head_dim][numbers in a unit]
  const Element* out_gradient_pairs = nullptr;
  const float* log_sums = nullptr;           ///< [rows]
  const float* dots = nullptr;               ///< [rows]: attended values times their gradients
  const Element* keys = nullptr;             ///< a panel of 64 keys
  const Element* values = nullptr;           ///< a panel of 64 values
  const Element* key_pairs = nullptr;        ///< [key units][head_dim][numbers in a unit]
  float* query_gradients = nullptr;          ///< += ; rows `query_gradient_row` apart
  std::int64_t query_gradient_row = 0;
  float* key_gradients = nullptr;            ///< [64, head_dim]; +=
  float* value_gradients = nullptr;          ///< the same
  float* scratch = nullptr;                  ///< pair_scratch() floats
};
constexpr std::int64_t pair_scratch() { return 5 * kBlockTokens * kBlockTokens; }

/// What turns a token's products into queries, keys and values, and back.
template <typename Element>
struct HeadRotation {
  std::int64_t num_heads = 0;           ///< of queries
  std::int64_t num_kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t padded_head_dim = 0;
  const float* cosines = nullptr;       ///< [head_dim / 2]
  const float* sines = nullptr;
  const float* query_norm = nullptr;    ///< [head_dim] or null: RMSNorm over each head
  const float* key_norm = nullptr;
  float norm_eps = 0.0F;
};

/// A step of AdamW (train_options.h) as numbers.
struct AdamWStep {
  float beta1 = 0.0F, beta2 = 0.0F, epsilon = 0.0F;
  float decay = 1.0F;              ///< weights are multiplied with it: 1 - learning rate * weight decay
  float rate = 0.0F;               ///< learning rate / (1 - beta1^step)
  float root_correction = 1.0F;    ///< 1 / sqrt(1 - beta2^step)
  float gradient_scale = 1.0F;
};

template <typename Element>
struct TrainingKernels {
  void (*multiply)(const TileProduct<Element>& product);
  void (*attend)(const QueryTile<Element>& tile);
  void (*attend_backward)(const BlockPair<Element>& pair);

  /// out = rounded x / sqrt(mean(x^2) + eps) * weight; all `padded` wide, of which `width` count.
  void (*normalise)(const float* x, const float* weight, std::int64_t width, std::int64_t padded, float eps, Element* out);
  /// Its backward for a row: x_gradient += and weight_gradient +=, given the gradient of the result.
  void (*normalise_backward)(const float* x, const float* weight, const float* gradient, std::int64_t width, std::int64_t padded,
                             float eps, float* x_gradient, float* weight_gradient);

  /// One token: products [queries, keys, values] of the heads, rotated and rounded, to `out`, of the same shape.
  void (*rotate)(const HeadRotation<Element>& how, const float* products, Element* out);
  /// Its backward: from gradients of what `rotate` gave to gradients of the products. Those of keys and values come in one part for each
  /// query head, `head_stride` apart. `products` of the queries and keys are needed where heads are normalised; else null.
  void (*rotate_backward)(const HeadRotation<Element>& how, const float* products, const float* query_gradients,
                          const float* key_gradients, const float* value_gradients, std::int64_t head_stride,
                          float* query_norm_gradient, float* key_norm_gradient, Element* out);

  /// Rounds a row of floats.
  void (*round)(const float* x, std::int64_t count, Element* out);
  /// Rows [rows, width], `stride` apart, as pairs along the rows: unit u of panel p at out + p * out_panel + u * out_unit. An odd last
  /// row is paired with zeros. `width`: a multiple of 64.
  void (*pair_rows)(const Element* from, std::int64_t stride, std::int64_t rows, std::int64_t width, Element* out, std::int64_t out_panel,
                    std::int64_t out_unit);
  /// 64 rows of `width` numbers, `stride` apart, as one panel [width / unit][64][unit]; rows from `rows` on are zeros.
  void (*panel_of_rows)(const Element* from, std::int64_t stride, std::int64_t rows, std::int64_t width, Element* out);
  /// One block of a transposed matrix: panel `from` [units of k][64][unit] holds 64 outputs and k inputs; for inputs 64 * block .. + 63,
  /// writes [64 / unit][64 inputs][unit]: pairs along the outputs.
  void (*transpose_block)(const Element* from, std::int64_t block, Element* out);

  /// The sum of a[i] * b[i].
  float (*dot)(const Element* a, const Element* b, std::int64_t count);
  /// log(sum(exp(x))).
  float (*log_sum_exp)(const float* x, std::int64_t count);
  /// out = rounded exp(x - shift).
  void (*exponentials)(const float* x, float shift, std::int64_t count, Element* out);
  /// A panel of 64 columns of p [rows, 64], rows `stride` apart, as pairs along the rows, row r times factors[r].
  void (*scaled_pairs)(const Element* p, std::int64_t stride, std::int64_t rows, const float* factors, Element* out);
  /// to[i] += factor * from[i].
  void (*add_scaled)(const float* from, float factor, std::int64_t count, float* to);

  /// One step for `units` units of a panel [units][64][unit]; gradients and moments are [units * unit][64] floats. `weights` and `low`
  /// together are the float32 master: its bits are (weight's bits << 16) + low, with low signed. For float32 `low` is null.
  void (*adamw)(const AdamWStep& step, std::int64_t units, Element* weights, std::int16_t* low, const float* gradients, float* first,
                float* second);
  /// Splits floats [units * unit][64] into such weights, and back.
  void (*split_master)(const float* master, std::int64_t units, Element* weights, std::int16_t* low);
  void (*join_master)(const Element* weights, const std::int16_t* low, std::int64_t units, float* master);
  /// The sum of squares; blocks of 4,096 are summed in float32, these in double.
  double (*sum_of_squares)(const float* x, std::int64_t count);

  const char* name;
};

template <typename Element>
const TrainingKernels<Element>& training_kernels();

/// The same for the instruction sets apart; null where this build or this processor lacks them. For tests.
template <typename Element>
const TrainingKernels<Element>* training_kernels_avx512();
template <typename Element>
const TrainingKernels<Element>* training_kernels_avx2();
template <typename Element>
const TrainingKernels<Element>* training_kernels_portable();

}  // namespace drover::model
