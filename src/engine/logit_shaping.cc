#include "engine/logit_shaping.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "base/error.h"

namespace drover::engine {
namespace {

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

}  // namespace

bool are_logits_shaped(const SamplingOptions& options, const SamplingContext& context) {
  return !options.logit_bias.empty() || options.repetition_penalty != 1.0 || options.presence_penalty != 0.0 ||
         options.frequency_penalty != 0.0 || context.allowed != nullptr || !context.banned.empty();
}

template <typename Number>
void shape_logits(std::span<Number> logits, const SamplingOptions& options, const SamplingContext& context) {
  constexpr Number kImpossible = -std::numeric_limits<Number>::infinity();
  const auto entry = [&](text::TokenId id) -> Number& {
    const auto index = static_cast<std::size_t>(text::to_int(id));
    DROVER_CHECK(index < logits.size(), "Token {} is outside a vocabulary of {}", text::to_int(id), logits.size());
    return logits[index];
  };
  for (const auto& [id, bias] : options.logit_bias) entry(id) += static_cast<Number>(bias);
  if (options.repetition_penalty != 1.0) {
    const auto penalty = static_cast<Number>(options.repetition_penalty);
    for (const auto& [id, count] : counts_of(context.seen)) {
      Number& logit = entry(id);
      logit = logit > 0 ? logit / penalty : logit * penalty;
    }
  }
  if (options.presence_penalty != 0.0 || options.frequency_penalty != 0.0) {
    for (const auto& [id, count] : counts_of(context.seen.subspan(context.prompt_tokens))) {
      entry(id) -= static_cast<Number>(options.presence_penalty + options.frequency_penalty * static_cast<double>(count));
    }
  }
  if (context.allowed != nullptr) {
    for (std::size_t id = 0; id < logits.size(); ++id) {
      if (!context.allowed->contains(text::TokenId{static_cast<std::int32_t>(id)})) logits[id] = kImpossible;
    }
  }
  for (const auto id : context.banned) entry(id) = kImpossible;
}

template void shape_logits<float>(std::span<float>, const SamplingOptions&, const SamplingContext&);
template void shape_logits<double>(std::span<double>, const SamplingOptions&, const SamplingContext&);

// Weights are the user's files, and damaged ones give logits that are no numbers. One alone would be passed over by a comparison and
// spoil every log-probability.
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

}  // namespace drover::engine
