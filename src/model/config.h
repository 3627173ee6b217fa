#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "text/token_id.h"

namespace drover::model {

enum class Architecture { kLlama, kMistral, kQwen2, kQwen3 };

/// How rotary frequencies are stretched beyond the trained length.
struct RopeScaling {
  enum class Kind { kNone, kLinear, kLlama3, kYarn };
  Kind kind = Kind::kNone;
  double factor = 1.0;
  double low_freq_factor = 1.0;                 ///< llama3
  double high_freq_factor = 4.0;                ///< llama3
  std::int64_t original_max_positions = 0;      ///< llama3, yarn
  double beta_fast = 32.0;                      ///< yarn
  double beta_slow = 1.0;                       ///< yarn
  double attention_factor = 0.0;                ///< yarn; 0: 0.1 ln(factor) + 1
};

/// The shape of a decoder, as config.json or GGUF metadata give it.
struct DecoderConfig {
  Architecture architecture = Architecture::kLlama;
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t num_layers = 0;
  std::int64_t num_heads = 0;
  std::int64_t num_kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t max_positions = 0;
  std::int64_t sliding_window = 0;   ///< 0: every earlier token is seen
  double rms_norm_eps = 1e-5;
  double rope_theta = 10000.0;
  RopeScaling rope_scaling;
  bool tied_embeddings = false;
  bool attention_bias = false;       ///< biases on q, k, v (Qwen2); `attention_output_bias` on o as well (Llama with attention_bias)
  bool attention_output_bias = false;
  bool mlp_bias = false;
  bool qk_norm = false;              ///< RMSNorm over each head of q and k (Qwen3)
  std::vector<text::TokenId> eos;    ///< ids that end generation
  text::TokenId bos = text::kNoToken;

  /// Throws UserError that names the key, its value and what is possible.
  void validate() const;
};

}  // namespace drover::model
