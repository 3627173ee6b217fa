#pragma once

#include <span>
#include <vector>

#include "base/random_stream.h"
#include "model/token_tree.h"

namespace drover::model {

inline std::vector<text::TokenId> random_tokens(base::RandomStream& random, std::int64_t count, std::int32_t vocab) {
  std::vector<text::TokenId> tokens;
  for (std::int64_t i = 0; i < count; ++i) tokens.push_back(text::TokenId{static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(vocab)))});
  return tokens;
}

/// A row of random trees; empty segments and several roots occur. Every token behind another on its path is learned.
inline TokenRow random_row(base::RandomStream& random, std::int32_t vocab) {
  TokenRow row;
  const auto segments = static_cast<std::int32_t>(1 + random.below(7));
  for (std::int32_t s = 0; s < segments; ++s) {
    const auto parent = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(s) + 1)) - 1;
    const std::int32_t index = row.add_segment(parent, random_tokens(random, static_cast<std::int64_t>(random.below(9)), vocab));
    std::int64_t before = row.position_before(index);
    for (std::int64_t t = row.segments.back().begin; t < row.segments.back().end; ++t) {
      if (before >= 0) {
        row.learned.push_back({.position = before, .target = row.tokens[static_cast<std::size_t>(t)], .weight = 1.0F, .response = index});
      }
      before = t;
    }
  }
  return row;
}

/// The segments from the root to `segment`.
inline std::vector<std::int32_t> path_to(const TokenRow& row, std::int32_t segment) {
  std::vector<std::int32_t> path;
  for (std::int32_t s = segment; s >= 0; s = row.segments[static_cast<std::size_t>(s)].parent) path.insert(path.begin(), s);
  return path;
}

}  // namespace drover::model
