#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/random_stream.h"
#include "engine/sampling_options.h"
#include "engine/token_mask.h"
#include "text/token_id.h"

namespace drover::engine {

/// A token that may be drawn next, and how probable it is.
struct Candidate {
  text::TokenId id{};
  double probability = 0.0;
};

/// What the next token depends on beside the logits.
struct SamplingContext {
  std::span<const text::TokenId> seen = {};    ///< prompt and reply so far, for the repetition penalty
  std::size_t prompt_tokens = 0;               ///< how many of `seen` are the prompt: presence and frequency count the others
  std::span<const text::TokenId> banned = {};  ///< cannot be drawn (stop ids of a reply that is still too short)
  const TokenMask* allowed = nullptr;          ///< when given, nothing else can be drawn
};

/// A token and both log-probabilities (natural) that training may need.
struct SampledToken {
  text::TokenId id{};
  float log_prob = 0.0F;          ///< under the model: log-softmax of the logits as they came
  float sampled_log_prob = 0.0F;  ///< under the distribution that it was drawn from; 0 when greedy
};

/// A token and its natural-log probability under the model.
struct RankedToken {
  text::TokenId id{};
  float log_prob = 0.0F;
};

/// The distribution that `sample` draws from: the tokens that remain, their probabilities summing to 1; by falling probability (then
/// by id) when top-k, top-p or min-p cut, else by id. `logits` holds one entry a token id, at least one of them not banned and finite
/// (checked). Throws UserError for a logit that is NaN or +inf, and where all are -inf: the weights are damaged.
std::vector<Candidate> next_token_distribution(std::span<const float> logits, const SamplingOptions& options,
                                               const SamplingContext& context = {});

/// Draws the next token with `uniform` in [0, 1) as the only source of chance.
SampledToken sample(std::span<const float> logits, const SamplingOptions& options, const SamplingContext& context, double uniform);

/// The natural-log probability of a token: log-softmax of the logits. Throws UserError for logits of damaged weights.
float log_prob_of(std::span<const float> logits, text::TokenId id);

/// The `count` most probable tokens under the log-softmax of the logits, by falling probability, then by id; all when there are fewer.
/// A token's number is the one that `sample` gives it. Throws UserError for logits of damaged weights.
std::vector<RankedToken> most_probable(std::span<const float> logits, std::int64_t count);

/// The chance of one sample: position n of the reply has one number, which depends on the names below and on n alone. So a sample is
/// the same in any batch, and one that is continued later goes on as if it had not stopped.
class SampleChance {
 public:
  SampleChance(std::uint64_t seed, std::span<const text::TokenId> prompt, std::int64_t sample_number);
  double at(std::int64_t position);

 private:
  base::RandomStream stream_;
};

}  // namespace drover::engine
