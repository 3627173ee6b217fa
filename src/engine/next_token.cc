#include "engine/next_token.h"

#include <algorithm>
#include <limits>
#include <set>

#include "base/error.h"

namespace drover::engine {

namespace {

bool is_empty(const TokenMask& mask) {
  const auto words = mask.words();
  return std::all_of(words.begin(), words.end(), [](std::uint64_t word) { return word == 0; });
}

bool is_forbidden(const LogitBias& bias) { return bias.bias == -std::numeric_limits<double>::infinity(); }

/// Takes what cannot be drawn for other reasons out of what the constraint allows.
void erase_impossible(TokenMask& mask, const SamplingOptions& options, std::span<const text::TokenId> banned) {
  for (const auto id : banned) mask.erase(id);
  for (const auto& bias : options.logit_bias) {
    if (is_forbidden(bias)) mask.erase(bias.id);
  }
  if (is_empty(mask)) {
    throw base::UserError(
        "No token can be drawn: logit_bias forbids all that the constraint allows here. Allow some of them.");
  }
}

}  // namespace

std::optional<SampledToken> draw_next_token(Sequence& sequence, std::span<const float> logits, TokenMask& mask) {
  const auto& request = *sequence.request;
  const auto& options = request.options;
  const auto given = request.tokens.size();
  const auto position = static_cast<std::int64_t>(sequence.tokens.size() - given);
  SamplingContext context{.seen = sequence.tokens, .prompt_tokens = given};
  if (position < options.min_tokens) context.banned = options.stop_ids;
  if (sequence.constraint) {
    mask.clear();
    sequence.constraint->insert_allowed(mask);
    if (is_empty(mask)) {
      DROVER_CHECK(sequence.constraint->may_end(), "A constraint allows no token and no end");
      if (options.stop_ids.empty()) return std::nullopt;
      context.banned = {};
    }
    if (sequence.constraint->may_end()) {
      for (const auto id : options.stop_ids) mask.insert(id);
    }
    erase_impossible(mask, options, context.banned);
    context.allowed = &mask;
  }
  const auto token = sample(logits, options, context, sequence.chance->at(position));
  if (sequence.constraint && !is_stop_id(options, token.id)) sequence.constraint->accept(token.id);
  return token;
}

bool forbids_every_token(const SamplingOptions& options, std::int64_t vocab_size) {
  std::set<text::TokenId> forbidden;
  for (const auto& bias : options.logit_bias) {
    if (is_forbidden(bias)) forbidden.insert(bias.id);
  }
  if (options.min_tokens > 0) forbidden.insert(options.stop_ids.begin(), options.stop_ids.end());
  return static_cast<std::int64_t>(forbidden.size()) >= vocab_size;
}

bool is_stop_id(const SamplingOptions& options, text::TokenId id) {
  return std::find(options.stop_ids.begin(), options.stop_ids.end(), id) != options.stop_ids.end();
}

}  // namespace drover::engine
