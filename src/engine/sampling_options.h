#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "text/token_id.h"

namespace drover::engine {

/// What is added to the logit of one token.
struct LogitBias {
  text::TokenId id{};
  double bias = 0.0;
  bool operator==(const LogitBias&) const = default;
};

/// How replies are drawn. The steps that shape the distribution run in this order (vLLM's): logit bias, repetition penalty, presence and
/// frequency penalty, temperature, top-k, top-p, min-p.
struct SamplingOptions {
  double temperature = 1.0;               ///< >= 0; 0 takes the most probable token (the lowest id of equal ones)
  std::int64_t top_k = 0;                 ///< keeps this many most probable tokens; 0 turns it off
  double top_p = 1.0;                     ///< in (0, 1]: keeps the fewest most probable tokens that reach this mass; 1 turns it off
  double min_p = 0.0;                     ///< in [0, 1]: keeps tokens at least this share of the most probable one; 0 turns it off
  double repetition_penalty = 1.0;        ///< 1e-6 to 1e6: divides positive and multiplies negative logits of tokens seen before; 1 turns it off
  double presence_penalty = 0.0;          ///< is taken from the logits of tokens that the reply holds
  double frequency_penalty = 0.0;         ///< is taken from a token's logit for each time that the reply holds it
  std::vector<LogitBias> logit_bias = {};  ///< is added to single logits, at most 1e30; -inf forbids a token
  std::int64_t max_tokens = 1024;         ///< > 0: the longest reply, its terminator included; the model's last position also ends it
  std::int64_t min_tokens = 0;            ///< stop ids cannot be drawn before this many tokens, and stop strings that end in them are text
  std::vector<text::TokenId> stop_ids = {};    ///< end a reply, beside those of the chat format
  std::vector<std::string> stop_strings = {};  ///< end a reply as soon as its text holds one of them that ends after min_tokens tokens
  std::uint64_t seed = 0;                 ///< names the random streams, with the prompt's ids, the sample's number and the position

  /// Throws UserError that names the field, its value and its range.
  void validate() const;

  /// All fields as one line of JSON: names what was asked for in keys and records.
  std::string describe() const;
};

}  // namespace drover::engine
