#include "engine/sampler.h"

#include <algorithm>
#include <cmath>

#include "base/content_hash.h"
#include "base/error.h"
#include "engine/logit_shaping.h"
#include "engine/truncation.h"

namespace drover::engine {

std::vector<Candidate> next_token_distribution(std::span<const float> logits, const SamplingOptions& options,
                                               const SamplingContext& context) {
  DROVER_CHECK(!logits.empty(), "There are no logits to sample from");
  refuse_damaged(logits);
  std::vector<double> shaped(logits.begin(), logits.end());
  shape_logits<double>(shaped, options, context);
  const auto top = std::max_element(shaped.begin(), shaped.end());
  DROVER_CHECK(std::isfinite(*top), "No token can be drawn: the largest logit is {}", *top);
  if (options.temperature == 0.0) return {{text::TokenId{static_cast<std::int32_t>(top - shaped.begin())}, 1.0}};

  std::vector<Candidate> candidates;
  candidates.reserve(shaped.size());
  for (std::size_t id = 0; id < shaped.size(); ++id) {
    const double weight = std::exp((shaped[id] - *top) / options.temperature);
    if (weight > 0.0) candidates.push_back({text::TokenId{static_cast<std::int32_t>(id)}, weight});
  }
  if (options.top_k > 0) keep_top_count(candidates, options.top_k);
  if (options.top_p < 1.0) keep_top_mass(candidates, options.top_p * mass_of(candidates));
  if (options.min_p > 0.0) keep_above_share(candidates, options.min_p);
  normalise(candidates);
  return candidates;
}

namespace {

std::uint64_t name_of_prompt(std::span<const text::TokenId> prompt) { return base::content_hash(std::as_bytes(prompt)).low; }

}  // namespace

// The prompt's hash is the stream's index and the sample a child of it, so that neither depends on the order of requests.
SampleChance::SampleChance(std::uint64_t seed, std::span<const text::TokenId> prompt, std::int64_t sample_number)
    : stream_(base::RandomStream(seed, "sample", name_of_prompt(prompt)).child(static_cast<std::uint64_t>(sample_number))) {}

double SampleChance::at(std::int64_t position) {
  constexpr std::uint64_t kWordsOfAUniform = 2;
  stream_.skip_to(kWordsOfAUniform * static_cast<std::uint64_t>(position));
  return stream_.uniform();
}

}  // namespace drover::engine
