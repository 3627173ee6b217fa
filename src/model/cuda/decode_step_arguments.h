#pragma once

#include <cstdint>

namespace drover::model {

/// stream += addend; normed = stream / rms(stream) * weight, rounded to the Element (Zhang and Sennrich 2019).
struct AddAndNorm {
  float* stream = nullptr;        ///< [rows, width] float32, what all layers add to
  const void* addend = nullptr;   ///< [rows, width]; null: nothing is added
  const void* weight = nullptr;   ///< [width]
  void* normed = nullptr;         ///< [rows, width]
  std::int32_t rows = 0, width = 0;
  float epsilon = 0.0F;
};

/// Rotates the queries and keys of a pass by their positions (pairs are i and i + head_dim / 2), with a norm over each head before that
/// where there are weights for it, and writes keys and values to their slots in the pages.
struct RotateIntoPages {
  void* queries = nullptr;        ///< [tokens, heads, head_dim], rotated in place
  const void* keys = nullptr;     ///< [tokens, kv_heads, head_dim]
  const void* values = nullptr;   ///< the same
  const void* query_norm = nullptr;  ///< [head_dim], or null
  const void* key_norm = nullptr;
  const float* inverse_frequencies = nullptr;  ///< [head_dim / 2]
  const std::int32_t* positions = nullptr;     ///< [tokens]
  const std::int32_t* slots = nullptr;         ///< [tokens]: page * kDevicePageTokens + place
  void* page_keys = nullptr;      ///< [slots, kv_heads, head_dim]
  void* page_values = nullptr;
  std::int32_t tokens = 0, heads = 0, kv_heads = 0, head_dim = 0;
  float magnitude = 1.0F;         ///< of cosines and sines
  float epsilon = 0.0F;           ///< of the norms
};

/// gated = silu(gate) * up, over `count` numbers; may be written over either.
struct SwiGlu {
  const void* gate = nullptr;
  const void* up = nullptr;
  void* gated = nullptr;
  std::int64_t count = 0;
};

}  // namespace drover::model
