#include "model/token_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "base/error.h"
#include "model/attention_blocks.h"
#include "model/random_row_test.h"

namespace drover::model {
namespace {

std::vector<text::TokenId> ids(std::initializer_list<std::int32_t> numbers) {
  std::vector<text::TokenId> tokens;
  for (const std::int32_t number : numbers) tokens.push_back(text::TokenId{number});
  return tokens;
}

TEST(TokenRow, ResponsesContinueThePositionsOfTheirPrompt) {
  TokenRow row;
  const auto prompt = row.add_segment(-1, ids({10, 11, 12}));
  const auto first = row.add_segment(prompt, ids({20, 21}));
  const auto second = row.add_segment(prompt, ids({30}));
  EXPECT_EQ(row.positions, (std::vector<std::int32_t>{0, 1, 2, 3, 4, 3}));
  EXPECT_EQ(row.position_before(prompt), -1);
  EXPECT_EQ(row.position_before(first), 2);
  EXPECT_EQ(row.position_before(second), 2);
  EXPECT_NO_THROW(row.validate());
}

TEST(TokenRow, AnEmptySegmentIsSkippedOnThePath) {
  TokenRow row;
  const auto root = row.add_segment(-1, ids({10, 11}));
  const auto empty = row.add_segment(root, {});
  const auto leaf = row.add_segment(empty, ids({20}));
  EXPECT_EQ(row.position_before(leaf), 1);
  EXPECT_EQ(row.positions.back(), 2);
}

TEST(TokenRow, ValidateRefusesGapsLaterParentsAndBadEntries) {
  TokenRow good;
  good.add_segment(-1, ids({1, 2, 3}));
  const auto broken = [&](auto&& change) {
    TokenRow row = good;
    change(row);
    EXPECT_THROW(row.validate(), base::InternalError);
  };
  broken([](TokenRow& row) { row.segments[0].begin = 1; });
  broken([](TokenRow& row) { row.segments[0].end = 2; });
  broken([](TokenRow& row) { row.segments[0].parent = 0; });
  broken([](TokenRow& row) { row.positions[1] = 7; });
  broken([](TokenRow& row) { row.positions.pop_back(); });
  broken([](TokenRow& row) { row.learned.push_back({.position = 3, .target = text::TokenId{1}}); });
  broken([](TokenRow& row) { row.learned.push_back({.position = 0, .target = text::kNoToken}); });
}

// The definition: a token sees the tokens of its path up to itself.
std::set<std::pair<std::int64_t, std::int64_t>> visible_pairs(const TokenRow& row) {
  std::set<std::pair<std::int64_t, std::int64_t>> pairs;
  for (std::size_t s = 0; s < row.segments.size(); ++s) {
    for (std::int64_t query = row.segments[s].begin; query < row.segments[s].end; ++query) {
      for (const std::int32_t p : path_to(row, static_cast<std::int32_t>(s))) {
        const Segment& part = row.segments[static_cast<std::size_t>(p)];
        for (std::int64_t key = part.begin; key < part.end && key <= query; ++key) pairs.insert({query, key});
      }
    }
  }
  return pairs;
}

TEST(AttentionBlocks, CoverEachVisiblePairOnceForRandomTrees) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    base::RandomStream random(seed, "blocks");
    const TokenRow row = random_row(random, 50);
    std::set<std::pair<std::int64_t, std::int64_t>> covered;
    std::size_t count = 0;
    for (const AttentionBlock& block : attention_blocks(row)) {
      for (std::int64_t q = block.query_begin; q < block.query_end; ++q) {
        for (std::int64_t k = block.key_begin; k < block.key_end; ++k) {
          if (block.causal && k - block.key_begin > q - block.query_begin) continue;
          covered.insert({q, k});
          ++count;
        }
      }
    }
    EXPECT_EQ(covered, visible_pairs(row)) << "seed " << seed;
    EXPECT_EQ(count, covered.size()) << "seed " << seed;
  }
}

TEST(AttentionBlocks, OfAPromptWithThreeResponsesAreFive) {
  TokenRow row;
  const auto prompt = row.add_segment(-1, ids({1, 2, 3}));
  for (int i = 0; i < 3; ++i) row.add_segment(prompt, ids({4, 5}));
  EXPECT_EQ(attention_blocks(row).size(), 5u);
}

TEST(Pack, KeepsEveryTreeWholeWithinTheLimitForRandomTrees) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    base::RandomStream random(seed, "pack");
    std::vector<TokenRow> trees(random.below(20));
    for (TokenRow& tree : trees) tree = random_row(random, 50);
    const std::int64_t limit = 10 + static_cast<std::int64_t>(random.below(60));
    const PackedRows packed = pack(trees, limit);
    ASSERT_EQ(packed.rows.size(), packed.origin.size());
    std::vector<std::int64_t> seen;
    for (std::size_t r = 0; r < packed.rows.size(); ++r) {
      const TokenRow& row = packed.rows[r];
      EXPECT_NO_THROW(row.validate());
      EXPECT_TRUE(row.num_tokens() <= limit || packed.origin[r].size() == 1);
      std::int64_t token = 0;
      std::size_t segment = 0, entry = 0;
      std::int32_t responses = 0;
      for (const std::int64_t origin : packed.origin[r]) {
        seen.push_back(origin);
        const TokenRow& tree = trees[static_cast<std::size_t>(origin)];
        for (std::int64_t t = 0; t < tree.num_tokens(); ++t) {
          EXPECT_EQ(row.tokens[static_cast<std::size_t>(token + t)], tree.tokens[static_cast<std::size_t>(t)]);
          EXPECT_EQ(row.positions[static_cast<std::size_t>(token + t)], tree.positions[static_cast<std::size_t>(t)]);
        }
        std::int32_t most = -1;
        for (const LearnedPosition& wanted : tree.learned) {
          EXPECT_EQ(row.learned[entry].position, wanted.position + token);
          EXPECT_EQ(row.learned[entry].target, wanted.target);
          EXPECT_EQ(row.learned[entry].response, wanted.response + responses);
          most = std::max(most, wanted.response);
          ++entry;
        }
        token += tree.num_tokens();
        segment += tree.segments.size();
        responses += most + 1;
      }
      EXPECT_EQ(row.num_tokens(), token);
      EXPECT_EQ(row.segments.size(), segment);
    }
    std::sort(seen.begin(), seen.end());
    std::vector<std::int64_t> all(trees.size());
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(seen, all);
  }
}

TEST(Pack, PutsATreeWhereItLeavesTheLeastSpace) {
  std::vector<TokenRow> trees;
  for (const std::int64_t size : {6, 7, 3, 4}) {
    base::RandomStream random(static_cast<std::uint64_t>(size), "sizes");
    trees.push_back(single_sequence(random_tokens(random, size, 50)));
  }
  const PackedRows packed = pack(trees, 10);
  EXPECT_EQ(packed.origin, (std::vector<std::vector<std::int64_t>>{{1, 2}, {0, 3}}));
}

}  // namespace
}  // namespace drover::model
