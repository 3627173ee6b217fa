#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/paged_model.h"

namespace drover::model {

/// Tokens whose attention is computed together: they read the same pages, all of them or the first rounds.
struct AttentionTile {
  std::size_t chunk = 0;           ///< of the first token
  std::int64_t row = 0;            ///< of the first token in the pass; the others follow it
  std::int64_t tokens = 0;
  bool is_one_sequence = false;    ///< the tokens are neighbours in one chunk; else each is the only token of its own chunk
  std::int64_t shared_rounds = 0;  ///< how many leading rounds (kRoundTokens) lie in pages that all share; 0 for one sequence
};

/// Cuts the rows of a pass into tiles of at most `max_tokens`. Neighbouring chunks of one token each share a tile when they begin with
/// the same pages; any other chunk is cut into tiles of its own.
std::vector<AttentionTile> attention_tiles(std::span<const engine::SequenceChunk> chunks, std::int64_t max_tokens);

}  // namespace drover::model
