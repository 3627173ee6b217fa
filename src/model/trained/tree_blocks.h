#pragma once

#include <cstdint>
#include <vector>

#include "model/token_tree.h"

namespace drover::model {

/// Attention over a row of token trees, cut into blocks of at most kBlockTokens queries and keys: each block lies in one segment, so
/// that between a block of queries and a block of keys there is nothing, a full square, or one with an edge.
struct TreeBlocks {
  struct Run {
    std::int64_t begin = 0;  ///< first token in the row
    std::int64_t count = 0;
  };
  std::vector<Run> runs;  ///< each is a block of queries and a block of keys

  /// What the queries of run i see: entries first_entry[i] .. first_entry[i + 1] - 1, in order of the keys.
  std::vector<std::int64_t> first_entry;
  std::vector<std::int32_t> keys;    ///< [entries]: which run
  std::vector<std::int32_t> begins;  ///< [entries, kBlockTokens]: the first key of the run that a query sees ...
  std::vector<std::int32_t> ends;    ///< ... and one past the last

  /// Who sees the keys of run i: first_seer[i] .. first_seer[i + 1] - 1.
  struct Seer {
    std::int32_t queries = 0;  ///< which run
    std::int64_t entry = 0;    ///< its entry for these keys
  };
  std::vector<std::int64_t> first_seer;
  std::vector<Seer> seers;

  std::vector<std::vector<std::int32_t>> trees;  ///< the runs of each tree: those of different trees have nothing to do with each other

  std::int64_t num_runs() const { return static_cast<std::int64_t>(runs.size()); }
};

/// A `window` above 0 hides keys that are that many positions back (Mistral).
TreeBlocks tree_blocks(const TokenRow& row, std::int64_t window);

}  // namespace drover::model
