#pragma once

#include <cstdint>

namespace drover::model {

/// Types of queries, keys and values on a device. Sums, maxima and softmax are float32 for both.
enum class ElementType : std::int32_t { kFloat32, kBFloat16 };

/// Tokens of a page of keys and values on a device.
inline constexpr std::int32_t kDevicePageTokens = 32;
/// Positions that decoding attends in one piece. Pieces begin at multiples of it whoever shares them, so that sums have one order only.
inline constexpr std::int32_t kPieceTokens = 128;
/// The largest head that the attention kernels take; head sizes are multiples of 8.
inline constexpr std::int32_t kMaxDeviceHeadDim = 128;
/// The most query heads that may share a key-value head.
inline constexpr std::int32_t kMaxDeviceGroup = 16;
/// A `diagonal` that hides nothing, and a `window` that hides nothing.
inline constexpr std::int32_t kAllVisible = 1 << 29;
inline constexpr std::int32_t kNoWindow = 1 << 30;

/// A rectangle of attention with a rule. With distance = (query - query_begin) + diagonal - (key - key_begin), a query of the pass sees
/// a key when both lie in the rectangle and 0 <= distance < window. Keys are numbered in the row; or, with `pages`, by position in their
/// sequence.
struct VisiblePiece {
  std::int32_t query_begin = 0, query_end = 0;
  std::int32_t key_begin = 0, key_end = 0;
  std::int32_t diagonal = 0;  ///< 0: causal from the rectangle's corner; kAllVisible: all of it
  std::int32_t pages = -1;    ///< where the sequence's pages begin in `page_table`; -1: keys and values lie in the order of the row
};

/// What one block of threads attends for each key-value head: these tokens' queries over these pieces.
struct AttentionItem {
  std::int32_t token_begin = 0, token_end = 0;
  std::int32_t piece_begin = 0, piece_end = 0;
  std::int32_t partial = -1;  ///< -1: to the output; else a part, to the partial rows from here on, merged later
};

/// Keys whose gradients one block of threads computes, and the pieces that touch them.
struct KeyItem {
  std::int32_t key_begin = 0, key_end = 0;
  std::int32_t piece_begin = 0, piece_end = 0;
};

/// A token whose output is put together out of partial rows.
struct MergedToken {
  std::int32_t token = 0;
  std::int32_t part_begin = 0, part_end = 0;  ///< in the list of partial rows
};

/// What all attention kernels read. All pointers are device memory, 16-byte aligned.
struct AttentionInputs {
  const void* queries = nullptr;  ///< [tokens, heads, head_dim]
  const void* keys = nullptr;     ///< [slots, kv_heads, head_dim]; a slot is a token of the row, or page * kDevicePageTokens + place
  const void* values = nullptr;   ///< the same
  const VisiblePiece* pieces = nullptr;
  const std::int32_t* page_table = nullptr;  ///< null without pages
  std::int32_t heads = 0, kv_heads = 0, head_dim = 0;
  std::int32_t window = kNoWindow;
  float scale = 1.0F;             ///< of the scores

#ifdef __CUDACC__
  __host__ __device__
#endif
  std::int32_t group() const { return heads / kv_heads; }
};

/// output = softmax(scale queries keys^T, where visible) values. A token that sees nothing gets zeros.
struct AttentionForward {
  AttentionInputs inputs;
  const AttentionItem* items = nullptr;
  std::int32_t num_items = 0;
  void* output = nullptr;               ///< [tokens, heads, head_dim]
  float* log_sum_exp = nullptr;         ///< [tokens, heads] natural logarithm; -infinity where nothing is seen; may be null
  float* partial_outputs = nullptr;     ///< [partial rows, heads, head_dim]; null when no item is partial
  float* partial_log_sum_exp = nullptr; ///< [partial rows, heads]
};

/// Puts the partial rows of tokens together: weights exp(log_sum_exp - total).
struct AttentionMerge {
  const MergedToken* tokens = nullptr;
  std::int32_t num_tokens = 0;
  const std::int32_t* parts = nullptr;  ///< partial rows
  const float* partial_outputs = nullptr;
  const float* partial_log_sum_exp = nullptr;
  std::int32_t heads = 0, head_dim = 0;
  void* output = nullptr;               ///< [tokens, heads, head_dim]
};

/// Gradients out of what the forward pass left. No two threads add to one number, so the bits are the same in every run.
struct AttentionBackward {
  AttentionInputs inputs;               ///< without pages
  const AttentionItem* items = nullptr;
  std::int32_t num_items = 0;
  const KeyItem* key_items = nullptr;
  std::int32_t num_key_items = 0;
  const VisiblePiece* key_pieces = nullptr;
  std::int32_t num_tokens = 0;
  const void* output = nullptr;           ///< [tokens, heads, head_dim]
  const void* output_gradient = nullptr;  ///< the same
  const float* log_sum_exp = nullptr;     ///< [tokens, heads]
  float* delta = nullptr;                 ///< [tokens, heads] scratch: sum of output times its gradient
  void* query_gradient = nullptr;         ///< [tokens, heads, head_dim]
  void* key_gradient = nullptr;           ///< [tokens, kv_heads, head_dim]
  void* value_gradient = nullptr;         ///< the same
};

/// Rows of query heads (tokens x group) that an item holds at most, and keys of a key item, for each type.
inline constexpr std::int32_t rows_of_item(ElementType type) { return type == ElementType::kBFloat16 ? 64 : 32; }
inline constexpr std::int32_t keys_of_item(ElementType type) { return type == ElementType::kBFloat16 ? 64 : 32; }

}  // namespace drover::model
