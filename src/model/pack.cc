#include <algorithm>

#include "base/error.h"
#include "model/best_fit.h"
#include "model/token_tree.h"

namespace drover::model {
namespace {

std::int32_t num_responses(const TokenRow& tree) {
  std::int32_t largest = -1;
  for (const LearnedPosition& entry : tree.learned) largest = std::max(largest, entry.response);
  return largest + 1;
}

void append(const TokenRow& tree, TokenRow& row, std::int32_t& responses) {
  const std::int64_t token_offset = row.num_tokens();
  const auto segment_offset = static_cast<std::int32_t>(row.segments.size());
  row.tokens.insert(row.tokens.end(), tree.tokens.begin(), tree.tokens.end());
  row.positions.insert(row.positions.end(), tree.positions.begin(), tree.positions.end());
  for (Segment segment : tree.segments) {
    if (segment.parent >= 0) segment.parent += segment_offset;
    segment.begin += token_offset;
    segment.end += token_offset;
    row.segments.push_back(segment);
  }
  for (LearnedPosition entry : tree.learned) {
    entry.position += token_offset;
    entry.response += responses;
    row.learned.push_back(entry);
  }
  responses += num_responses(tree);
}

}  // namespace

PackedRows pack(std::span<const TokenRow> trees, std::int64_t max_tokens) {
  DROVER_CHECK(max_tokens > 0, "Rows hold at most {} tokens", max_tokens);
  std::vector<std::int64_t> sizes;
  for (const TokenRow& tree : trees) sizes.push_back(tree.num_tokens());
  PackedRows packed;
  packed.origin = best_fit(sizes, max_tokens);
  for (const std::vector<std::int64_t>& members : packed.origin) {
    TokenRow& row = packed.rows.emplace_back();
    std::int32_t responses = 0;
    for (const std::int64_t tree : members) append(trees[static_cast<std::size_t>(tree)], row, responses);
  }
  return packed;
}

}  // namespace drover::model
