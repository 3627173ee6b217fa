#pragma once

#include <span>
#include <vector>

#include "engine/sampler.h"

namespace drover::openai {

/// Tokens of one choice in their order, each with the most probable ones at its position where the request asks for these.
struct TokenRun {
  std::vector<engine::SampledToken> tokens;
  std::vector<engine::RankedToken> top;  ///< the same number for each token

  void add(const engine::SampledToken& token, std::span<const engine::RankedToken> its_top) {
    tokens.push_back(token);
    top.insert(top.end(), its_top.begin(), its_top.end());
  }
  std::span<const engine::RankedToken> top_of(std::size_t index) const {
    const auto each = tokens.empty() ? 0 : top.size() / tokens.size();
    return std::span(top).subspan(index * each, each);
  }
};

}  // namespace drover::openai
