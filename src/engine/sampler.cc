#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/content_hash.h"
#include "base/error.h"

namespace drover::engine {
namespace {

constexpr double kImpossible = -std::numeric_limits<double>::infinity();

/// Weights are the user's files, and damaged ones give logits that are no numbers. One alone would be passed over by a comparison
/// and spoil every log-probability.
void refuse_damaged(std::span<const float> logits) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const auto bad = std::find_if(logits.begin(), logits.end(), [](float logit) { return !(logit < kInfinity); });
  if (bad != logits.end()) {
    throw base::UserError("The model gives token {} the logit {}. Its weights are damaged or overflow: try an earlier checkpoint, or float32.",
                          bad - logits.begin(), *bad);
  }
  if (std::all_of(logits.begin(), logits.end(), [](float logit) { return logit == -kInfinity; })) {
    throw base::UserError("The model gives all {} tokens the logit -inf. Its weights are damaged: try an earlier checkpoint.", logits.size());
  }
}

/// ln of the sum of exp(logit), in double because a vocabulary of float32 terms loses digits.
double log_sum_exp(std::span<const float> logits) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - top);
  return top + std::log(sum);
}

/// How often each token is in `tokens`, by rising id.
std::vector<std::pair<text::TokenId, std::int64_t>> counts_of(std::span<const text::TokenId> tokens) {
  std::vector<text::TokenId> sorted(tokens.begin(), tokens.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::pair<text::TokenId, std::int64_t>> counts;
  for (const auto id : sorted) {
    if (counts.empty() || counts.back().first != id) counts.emplace_back(id, 0);
    ++counts.back().second;
  }
  return counts;
}

/// The logits after bias, penalties and bans.
std::vector<double> shaped_logits(std::span<const float> logits, const SamplingOptions& options, const SamplingContext& context) {
  std::vector<double> shaped(logits.begin(), logits.end());
  const auto entry = [&](text::TokenId id) -> double& {
    const auto index = static_cast<std::size_t>(text::to_int(id));
    DROVER_CHECK(index < shaped.size(), "Token {} is outside a vocabulary of {}", text::to_int(id), shaped.size());
    return shaped[index];
  };
  for (const auto& [id, bias] : options.logit_bias) entry(id) += bias;
  if (options.repetition_penalty != 1.0) {
    for (const auto& [id, count] : counts_of(context.seen)) {
      double& logit = entry(id);
      logit = logit > 0.0 ? logit / options.repetition_penalty : logit * options.repetition_penalty;
    }
  }
  if (options.presence_penalty != 0.0 || options.frequency_penalty != 0.0) {
    for (const auto& [id, count] : counts_of(context.seen.subspan(context.prompt_tokens))) {
      entry(id) -= options.presence_penalty + options.frequency_penalty * static_cast<double>(count);
    }
  }
  if (context.allowed != nullptr) {
    for (std::size_t id = 0; id < shaped.size(); ++id) {
      if (!context.allowed->contains(text::TokenId{static_cast<std::int32_t>(id)})) shaped[id] = kImpossible;
    }
  }
  for (const auto id : context.banned) entry(id) = kImpossible;
  return shaped;
}

bool more_probable(const Candidate& left, const Candidate& right) {
  return left.probability != right.probability ? left.probability > right.probability : left.id < right.id;
}

/// Sorts the most probable candidates to the front until their mass reaches `top_p` of the whole, and drops the rest. Sorted in
/// doubling pieces, because a few hundred of a hundred thousand tokens usually hold the mass.
void keep_top_mass(std::vector<Candidate>& candidates, double top_p) {
  double total = 0.0;
  for (const auto& candidate : candidates) total += candidate.probability;
  double mass = 0.0;
  std::size_t sorted = 0;
  for (std::size_t piece = 64; sorted < candidates.size(); piece *= 2) {
    const std::size_t end = std::min(candidates.size(), sorted + piece);
    const auto at = [&](std::size_t index) { return candidates.begin() + static_cast<std::ptrdiff_t>(index); };
    std::partial_sort(at(sorted), at(end), candidates.end(), more_probable);
    for (; sorted < end; ++sorted) {
      mass += candidates[sorted].probability;
      if (mass >= top_p * total) {
        candidates.resize(sorted + 1);
        return;
      }
    }
  }
}

void keep_top_count(std::vector<Candidate>& candidates, std::int64_t top_k) {
  const auto count = std::min(candidates.size(), static_cast<std::size_t>(top_k));
  std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(count), candidates.end(), more_probable);
  candidates.resize(count);
}

void keep_above_share(std::vector<Candidate>& candidates, double min_p) {
  const auto top = std::max_element(candidates.begin(), candidates.end(),
                                    [](const Candidate& a, const Candidate& b) { return a.probability < b.probability; });
  const double least = min_p * top->probability;
  std::erase_if(candidates, [least](const Candidate& candidate) { return candidate.probability < least; });
}

void normalise(std::vector<Candidate>& candidates) {
  double total = 0.0;
  for (const auto& candidate : candidates) total += candidate.probability;
  for (auto& candidate : candidates) candidate.probability /= total;
}

}  // namespace

std::vector<Candidate> next_token_distribution(std::span<const float> logits, const SamplingOptions& options,
                                               const SamplingContext& context) {
  DROVER_CHECK(!logits.empty(), "There are no logits to sample from");
  refuse_damaged(logits);
  const auto shaped = shaped_logits(logits, options, context);
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
  if (options.top_p < 1.0) keep_top_mass(candidates, options.top_p);
  if (options.min_p > 0.0) {
    keep_above_share(candidates, options.min_p);
    std::sort(candidates.begin(), candidates.end(), more_probable);
  }
  normalise(candidates);
  return candidates;
}

SampledToken sample(std::span<const float> logits, const SamplingOptions& options, const SamplingContext& context, double uniform) {
  const auto candidates = next_token_distribution(logits, options, context);
  // The last candidate takes what rounding leaves between the sum of all and 1.
  std::size_t chosen = 0;
  for (double mass = candidates[0].probability; mass <= uniform && chosen + 1 < candidates.size();) {
    mass += candidates[++chosen].probability;
  }
  const auto& token = candidates[chosen];
  const double logit = logits[static_cast<std::size_t>(text::to_int(token.id))];
  return {token.id, static_cast<float>(logit - log_sum_exp(logits)), static_cast<float>(std::log(token.probability))};
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
