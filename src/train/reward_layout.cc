#include "train/reward_layout.h"

#include <numeric>
#include <span>
#include <vector>

#include "base/content_hash.h"
#include "base/error.h"
#include "base/random_stream.h"

namespace drover::train {
namespace {

std::span<const text::TokenId> tokens_of(const model::TokenRow& row, std::size_t segment) {
  const auto& place = row.segments[segment];
  return std::span(row.tokens).subspan(static_cast<std::size_t>(place.begin), static_cast<std::size_t>(place.end - place.begin));
}

model::TokenRow causal(const model::TokenRow& tree, std::uint64_t seed) {
  std::vector<std::size_t> order(tree.segments.size() - 1);
  std::iota(order.begin(), order.end(), std::size_t{1});
  const auto name = base::content_hash(std::as_bytes(std::span(tree.tokens)));
  base::RandomStream(seed, "order of responses", name.low).shuffle(std::span(order));
  std::vector<text::TokenId> tokens(tokens_of(tree, 0).begin(), tokens_of(tree, 0).end());
  std::vector<std::int64_t> ends(tree.segments.size());
  for (const auto segment : order) {
    const auto response = tokens_of(tree, segment);
    tokens.insert(tokens.end(), response.begin(), response.end());
    ends[segment] = static_cast<std::int64_t>(tokens.size());
  }
  auto row = model::single_sequence(tokens);
  row.learned = tree.learned;
  for (std::size_t i = 0; i < row.learned.size(); ++i) row.learned[i].position = ends[i + 1] - 1;
  return row;
}

model::TokenRow separate(const model::TokenRow& tree) {
  model::TokenRow row;
  for (std::size_t segment = 1; segment < tree.segments.size(); ++segment) {
    std::vector<text::TokenId> tokens(tokens_of(tree, 0).begin(), tokens_of(tree, 0).end());
    const auto response = tokens_of(tree, segment);
    tokens.insert(tokens.end(), response.begin(), response.end());
    row.add_segment(-1, tokens);
    row.learned.push_back(tree.learned[segment - 1]);
    row.learned.back().position = row.num_tokens() - 1;
  }
  return row;
}

}  // namespace

std::string_view name_of(RewardLayout layout) {
  switch (layout) {
    case RewardLayout::kTree: return "tree";
    case RewardLayout::kCausal: return "causal";
    case RewardLayout::kSeparate: return "separate";
  }
  return "unknown";
}

std::optional<RewardLayout> reward_layout_of(std::string_view name) {
  for (const auto layout : {RewardLayout::kTree, RewardLayout::kCausal, RewardLayout::kSeparate}) {
    if (name == name_of(layout)) return layout;
  }
  return std::nullopt;
}

model::TokenRow lay_out(const model::TokenRow& tree, RewardLayout layout, std::uint64_t seed) {
  DROVER_CHECK_EQ(tree.segments.size(), tree.learned.size() + 1, "A reward row is a prompt and scored responses");
  switch (layout) {
    case RewardLayout::kTree: return tree;
    case RewardLayout::kCausal: return causal(tree, seed);
    case RewardLayout::kSeparate: return separate(tree);
  }
  return tree;
}

}  // namespace drover::train
