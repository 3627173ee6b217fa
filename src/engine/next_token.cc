#include "engine/next_token.h"

#include <algorithm>

#include "base/error.h"

namespace drover::engine {

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
    const auto words = mask.words();
    if (std::all_of(words.begin(), words.end(), [](std::uint64_t word) { return word == 0; })) {
      DROVER_CHECK(sequence.constraint->may_end(), "A constraint allows no token and no end");
      if (options.stop_ids.empty()) return std::nullopt;
      context.banned = {};
    }
    if (sequence.constraint->may_end()) {
      for (const auto id : options.stop_ids) mask.insert(id);
    }
    context.allowed = &mask;
  }
  const auto token = sample(logits, options, context, sequence.chance->at(position));
  if (sequence.constraint && !is_stop_id(options, token.id)) sequence.constraint->accept(token.id);
  return token;
}

bool is_stop_id(const SamplingOptions& options, text::TokenId id) {
  return std::find(options.stop_ids.begin(), options.stop_ids.end(), id) != options.stop_ids.end();
}

}  // namespace drover::engine
