#pragma once

#include <cstdint>

#include "engine/paged_model.h"
#include "model/packed/bfloat16.h"

namespace drover::model {

/// Output columns of a packed matrix that are computed together.
inline constexpr std::int64_t kPanelColumns = 64;
/// Tokens of a page.
inline constexpr std::int64_t kPageTokens = 32;
/// Positions that one round of the attention covers. Rounds begin at multiples of it, whatever is shared, so that sums are made in one
/// order only.
inline constexpr std::int64_t kRoundTokens = 128;
/// Keys and values of a head are stored as this many numbers, or a multiple of it.
inline constexpr std::int64_t kHeadStep = 32;

/// What happens to a product.
enum class Epilogue {
  kStore,   ///< out = product
  kAdd,     ///< out += product
  kSwiGlu,  ///< gated = silu(gate) * up; a panel holds 32 columns of the gate, then the same 32 of up
};

/// out[r, :] = a[r, :] * W^T + bias for a packed W (packed_matrix.h). Each element is summed over k in one fixed order, in its own
/// lane: the result of a row does not depend on which rows are computed with it.
template <typename Element>
struct Multiplication {
  const Element* a = nullptr;        ///< [rows, k], rows `a_stride` apart
  std::int64_t a_stride = 0;
  std::int64_t rows = 0;
  const Element* weights = nullptr;  ///< panels; or null:
  const std::int8_t* int8_weights = nullptr;  ///< panels of whole numbers ...
  const float* scales = nullptr;     ///< ... that each column multiplies: [panels * 64]
  const float* bias = nullptr;       ///< [panels * 64] or null
  std::int64_t k = 0;                ///< padded to whole units
  std::int64_t columns = 0;          ///< without padding
  Epilogue epilogue = Epilogue::kStore;
  float* out = nullptr;              ///< [rows, columns], rows `out_stride` apart ...
  std::int64_t out_stride = 0;
  float* const* out_rows = nullptr;  ///< ... or each row at its own place
  Element* gated = nullptr;          ///< kSwiGlu: [rows, columns / 2], rows `out_stride` apart

  std::int64_t panels() const { return (columns + kPanelColumns - 1) / kPanelColumns; }
};

/// Attention of some queries to pages that all of them share. Called for rising ranges of rounds, it goes on from the state it left
/// (online softmax, Milakov and Gimelshein 2018).
template <typename Element>
struct AttentionRounds {
  std::int64_t head_dim = 0;             ///< padded to kHeadStep
  float scale = 1.0F;                    ///< of the scores
  std::int64_t rows = 0;
  const Element* queries = nullptr;      ///< [rows, head_dim]
  const std::int64_t* begins = nullptr;  ///< [rows]: the first position that a row sees ...
  const std::int64_t* ends = nullptr;    ///< ... and one past the last
  const engine::PageId* pages = nullptr; ///< of the sequence
  std::int64_t num_pages = 0;
  const Element* keys = nullptr;         ///< of page 0 in this layer and head: [head_dim / unit, kPageTokens, unit]
  const Element* values = nullptr;       ///< the same: [kPageTokens / unit, head_dim, unit]
  std::int64_t page_stride = 0;          ///< elements from a page to the next
  std::int64_t first_round = 0;
  std::int64_t last_round = 0;           ///< not included
  float* largest = nullptr;              ///< state: [rows], starts at kNothingSeen
  float* sum = nullptr;                  ///< state: [rows], starts at 0
  float* weighted = nullptr;             ///< state: [rows, head_dim], starts at 0; divided by `sum` it is the result
};
inline constexpr float kNothingSeen = -1e30F;

/// One token's products of the attention's input, made ready: rotated, rounded, the key and the value put into their page.
template <typename Element>
struct TokenInput {
  const float* products = nullptr;   ///< query heads, key heads, value heads, [head_dim] each
  std::int64_t num_heads = 0;
  std::int64_t num_kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t padded_head_dim = 0;
  const float* cosines = nullptr;    ///< [head_dim / 2]
  const float* sines = nullptr;
  const float* query_norm = nullptr; ///< [head_dim] or null: RMSNorm over each head
  const float* key_norm = nullptr;
  float norm_eps = 0.0F;
  Element* queries = nullptr;        ///< [num_heads, padded_head_dim]
  Element* page = nullptr;           ///< this layer's part of the page: for each key-value head its keys, then its values. What lies
                                     ///< behind the last token must be numbers: a weight of 0 meets it
  std::int64_t slot = 0;             ///< of the token in the page
};

/// The kernels for one kind of numbers, for the best instruction set that this processor has.
template <typename Element>
struct Kernels {
  /// Computes tiles begin .. end-1 of `tiles(m)`; tiles are independent. For int8 weights `widened` has room for a panel, 64 * k.
  void (*multiply)(const Multiplication<Element>& m, std::int64_t begin, std::int64_t end, Element* widened);
  std::int64_t (*tiles)(const Multiplication<Element>& m);
  void (*attend)(const AttentionRounds<Element>& rounds);
  void (*prepare)(const TokenInput<Element>& token);
  /// out = x / sqrt(mean(x^2) + eps) * weight, rounded; [width] each, `width` padded to 16 by zeros in `out`.
  void (*normalise)(const float* x, const float* weight, std::int64_t width, float eps, Element* out);
  /// out[i] = weighted[i] / sum, rounded, for i < count.
  void (*divide)(const float* weighted, float sum, std::int64_t count, Element* out);
  const char* name;
};

template <typename Element>
const Kernels<Element>& kernels();

/// The same for the instruction sets apart; null where this build or this processor lacks them. For tests.
template <typename Element>
const Kernels<Element>* kernels_avx512();
template <typename Element>
const Kernels<Element>* kernels_avx2();
template <typename Element>
const Kernels<Element>* kernels_portable();

}  // namespace drover::model
