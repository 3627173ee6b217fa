#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"
#include "engine/exponentials.h"
#include "engine/logit_shaping.h"
#include "engine/sampler.h"
#include "engine/truncation.h"

// The fast way to what next_token_distribution defines: whole-vocabulary passes are vectorised float32, and only tokens that may be
// drawn become candidates.
namespace drover::engine {
namespace {

/// e^((x - top) / temperature), summed by blocks.
class Weights {
 public:
  Weights(std::span<const float> logits, float top, double temperature) : logits_(logits), top_(top), temperature_(temperature) {
    sums_.resize((logits.size() + kExponentialBlock - 1) / kExponentialBlock);
    // A temperature near 0 must not become a factor of infinity: the largest logits' 0 times it would be no number.
    const auto scale = static_cast<float>(std::min<double>(1.0 / temperature, std::numeric_limits<float>::max()));
    exponentials().block_sums(logits.data(), static_cast<std::int64_t>(logits.size()), top, scale, sums_.data());
    for (const float sum : sums_) total_ += static_cast<double>(sum);
  }

  double total() const { return total_; }
  double at(std::size_t index) const { return std::exp((static_cast<double>(logits_[index]) - top_) / temperature_); }
  double log_share(std::size_t index) const { return (static_cast<double>(logits_[index]) - top_) / temperature_ - std::log(total_); }

  /// The token at `uniform` of the mass, tokens in order of their ids.
  std::size_t draw(double uniform) const {
    double left = uniform * total_;
    std::size_t block = 0;
    while (block + 1 < sums_.size() && left >= static_cast<double>(sums_[block])) left -= static_cast<double>(sums_[block++]);
    // What rounding leaves at the end of a block belongs to its most probable token, not to one that is next to impossible; a block
    // without any hands over to those before.
    for (;; --block) {
      const std::size_t begin = block * kExponentialBlock;
      const std::size_t end = std::min(logits_.size(), begin + kExponentialBlock);
      std::size_t chosen = end;
      double largest = 0.0;
      for (std::size_t i = begin; i < end; ++i) {
        const double weight = at(i);
        left -= weight;
        if (left < 0.0 && weight > 0.0) return i;
        if (weight > largest) {
          largest = weight;
          chosen = i;
        }
      }
      if (chosen < end) return chosen;
      DROVER_CHECK(block > 0, "No token can be drawn");
    }
  }

 private:
  std::span<const float> logits_;
  double top_;
  double temperature_;
  std::vector<float> sums_;
  double total_ = 0.0;
};

/// Tokens of at least this weight, in order of their ids.
std::vector<Candidate> candidates_above(std::span<const float> logits, float top, const Weights& weights, double temperature, double least) {
  thread_local std::vector<std::int32_t> indices;
  indices.resize(logits.size());
  const double bound = least > 0.0 ? top + temperature * std::log(least) : -std::numeric_limits<double>::max();
  // One step lower, so that rounding to float32 loses nobody.
  const float lower = std::nextafter(static_cast<float>(std::max<double>(bound, std::numeric_limits<float>::lowest())), -std::numeric_limits<float>::infinity());
  const auto count = exponentials().at_least(logits.data(), static_cast<std::int64_t>(logits.size()), lower, indices.data());
  std::vector<Candidate> candidates;
  candidates.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const auto index = indices[static_cast<std::size_t>(i)];
    const double weight = weights.at(static_cast<std::size_t>(index));
    if (weight > 0.0) candidates.push_back({text::TokenId{index}, weight});
  }
  return candidates;
}

/// What top-k, top-p and min-p leave, probabilities summing to 1.
std::vector<Candidate> truncated(std::span<const float> logits, float top, const Weights& weights, const SamplingOptions& options) {
  // Nearly all mass lies on few tokens; the others are looked at only when these do not suffice. min-p alone names its own bound.
  constexpr double kRare = 1e-6;
  const bool only_min_p = options.top_k == 0 && options.top_p == 1.0;
  auto candidates = candidates_above(logits, top, weights, options.temperature, only_min_p ? options.min_p : kRare * weights.total());
  const bool enough = options.top_k > 0 ? static_cast<std::int64_t>(candidates.size()) >= options.top_k
                                        : only_min_p || mass_of(candidates) > options.top_p * weights.total() * (1.0 + 1e-6);
  if (!enough) candidates = candidates_above(logits, top, weights, options.temperature, 0.0);
  if (options.top_k > 0) keep_top_count(candidates, options.top_k);
  if (options.top_p < 1.0) keep_top_mass(candidates, options.top_p * (options.top_k > 0 ? mass_of(candidates) : weights.total()));
  if (options.min_p > 0.0) keep_above_share(candidates, options.min_p);
  normalise(candidates);
  return candidates;
}

const Candidate& draw_from(const std::vector<Candidate>& candidates, double uniform) {
  // The last candidate takes what rounding leaves between the sum of all and 1.
  std::size_t chosen = 0;
  for (double mass = candidates[0].probability; mass <= uniform && chosen + 1 < candidates.size();) {
    mass += candidates[++chosen].probability;
  }
  return candidates[chosen];
}

}  // namespace

float log_prob_of(std::span<const float> logits, text::TokenId id) {
  const auto index = static_cast<std::size_t>(text::to_int(id));
  DROVER_CHECK(index < logits.size(), "Token {} is outside a vocabulary of {}", text::to_int(id), logits.size());
  const float top = exponentials().largest(logits.data(), static_cast<std::int64_t>(logits.size()));
  if (!std::isfinite(top)) refuse_damaged(logits);
  return static_cast<float>(Weights(logits, top, 1.0).log_share(index));
}

std::vector<RankedToken> most_probable(std::span<const float> logits, std::int64_t count) {
  DROVER_CHECK(!logits.empty(), "There are no logits to rank");
  const float top = exponentials().largest(logits.data(), static_cast<std::int64_t>(logits.size()));
  if (!std::isfinite(top)) refuse_damaged(logits);
  const auto is_before = [logits](std::size_t left, std::size_t right) {
    return logits[left] != logits[right] ? logits[left] > logits[right] : left < right;
  };
  // A heap of the best so far, its worst in front: nearly every token is turned away by one comparison.
  const auto kept = std::min(static_cast<std::size_t>(std::max<std::int64_t>(count, 0)), logits.size());
  std::vector<std::size_t> best;
  best.reserve(kept + 1);
  for (std::size_t index = 0; index < logits.size() && kept > 0; ++index) {
    if (best.size() == kept && !is_before(index, best.front())) continue;
    best.push_back(index);
    std::push_heap(best.begin(), best.end(), is_before);
    if (best.size() <= kept) continue;
    std::pop_heap(best.begin(), best.end(), is_before);
    best.pop_back();
  }
  std::sort_heap(best.begin(), best.end(), is_before);
  const Weights weights(logits, top, 1.0);
  std::vector<RankedToken> ranked;
  for (const auto index : best) ranked.push_back({text::TokenId{static_cast<std::int32_t>(index)}, static_cast<float>(weights.log_share(index))});
  return ranked;
}

SampledToken sample(std::span<const float> logits, const SamplingOptions& options, const SamplingContext& context, double uniform) {
  DROVER_CHECK(!logits.empty(), "There are no logits to sample from");
  const auto count = static_cast<std::int64_t>(logits.size());
  const float raw_top = exponentials().largest(logits.data(), count);
  if (!std::isfinite(raw_top)) refuse_damaged(logits);
  const Weights raw(logits, raw_top, 1.0);
  const auto token = [&](std::size_t index, double sampled) {
    return SampledToken{text::TokenId{static_cast<std::int32_t>(index)}, static_cast<float>(raw.log_share(index)), static_cast<float>(sampled)};
  };

  thread_local std::vector<float> shaped;
  std::span<const float> x = logits;
  float top = raw_top;
  if (are_logits_shaped(options, context)) {
    shaped.assign(logits.begin(), logits.end());
    shape_logits<float>(shaped, options, context);
    x = shaped;
    top = exponentials().largest(x.data(), count);
    DROVER_CHECK(std::isfinite(top), "No token can be drawn: the largest logit is {}", top);
  }
  if (options.temperature == 0.0) return token(static_cast<std::size_t>(std::find(x.begin(), x.end(), top) - x.begin()), 0.0);

  const bool is_raw = x.data() == logits.data() && options.temperature == 1.0;
  const Weights weights = is_raw ? raw : Weights(x, top, options.temperature);
  if (options.top_k == 0 && options.top_p == 1.0 && options.min_p == 0.0) {
    const std::size_t index = weights.draw(uniform);
    return token(index, weights.log_share(index));
  }
  const auto candidates = truncated(x, top, weights, options);
  const auto& chosen = draw_from(candidates, uniform);
  return token(static_cast<std::size_t>(text::to_int(chosen.id)), std::log(chosen.probability));
}

}  // namespace drover::engine
