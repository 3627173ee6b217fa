#pragma once

#include <cstdint>
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
  bool truncate = true;                         ///< yarn: the ramp's ends are rounded to whole dimensions
  bool operator==(const RopeScaling&) const = default;
};

/// What stands on top of the trunk.
enum class HeadKind {
  kLanguage,  ///< logits over the vocabulary (`lm_head`, or the embedding when tied)
  kReward,    ///< one number a position; a reply's reward is the one at its last token (`score`, no bias)
  kSteps,     ///< one logit a position: that the step which ends there is right (`score` with bias)
  kClasses,   ///< `num_labels` logits a position; a text's classes are those at its last token (`score`, no bias)
};

struct Head {
  HeadKind kind = HeadKind::kLanguage;
  std::int64_t num_labels = 0;   ///< rows of `score`: 1 for reward and steps, 2 or more for classes, 0 for language
  std::uint64_t seed = 0;        ///< what the head was initialised from; recorded as `head_seed` in config.json
  std::vector<std::string> labels{};  ///< names of a head's classes, in the order of its rows (`id2label`); empty: they have none
  bool operator==(const Head&) const = default;
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
  Head head;

  /// Throws UserError that names the key, its value and what is possible. Sizes are bounded, so that a hostile file cannot ask for
  /// a huge allocation: vocabulary 2^22, hidden and heads x head_dim 2^17, intermediate 2^19, 1,024 layers, 2^27 positions.
  void validate() const;

  bool operator==(const DecoderConfig&) const = default;
};

}  // namespace drover::model
