#pragma once

#include <cstdint>
#include <vector>

#include "model/token_tree.h"

namespace drover::model {

/// A rectangle of attention: these queries see these keys, all of them or (causal, equal lengths) those up to their own place.
struct AttentionBlock {
  std::int64_t query_begin = 0;
  std::int64_t query_end = 0;
  std::int64_t key_begin = 0;
  std::int64_t key_end = 0;
  bool causal = false;
};

/// The blocks that make up attention over a row: for each segment its own causal block, and for each segment one full block for
/// every run of neighbouring segments below it. Together they cover each visible pair once. The causal blocks come first and cover
/// all queries.
std::vector<AttentionBlock> attention_blocks(const TokenRow& row);

}  // namespace drover::model
