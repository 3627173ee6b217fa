#pragma once

#include <optional>

#include "engine/running_request.h"
#include "engine/token_mask.h"

namespace drover::engine {

/// Draws the next token of a sample from its outputs and moves its constraint on; nothing when the constraint lets the
/// reply only end and there is no stop id to say so. Touches nothing but the sequence and `mask`, so that samples are
/// drawn in parallel.
///
/// Stop ids are banned before min_tokens, except where the constraint allows nothing else.
std::optional<SampledToken> draw_next_token(Sequence& sequence, std::span<const float> logits, TokenMask& mask);

/// Whether nothing can be drawn as the first token. All ids that the options name are below `vocab_size`.
bool forbids_every_token(const SamplingOptions& options, std::int64_t vocab_size);

/// Whether the token ends the reply.
bool is_stop_id(const SamplingOptions& options, text::TokenId id);

}  // namespace drover::engine
