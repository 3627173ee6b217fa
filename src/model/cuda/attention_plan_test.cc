#include "model/cuda/attention_plan.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "model/random_row_test.h"

namespace drover::model {
namespace {

using Pairs = std::multiset<std::pair<std::int32_t, std::int32_t>>;

// The rule of VisiblePiece, to the letter.
void add_pairs(const VisiblePiece& piece, std::int32_t token_begin, std::int32_t token_end, std::int32_t key_begin, std::int32_t key_end, std::int32_t window, Pairs& pairs) {
  for (std::int32_t q = std::max(token_begin, piece.query_begin); q < std::min(token_end, piece.query_end); ++q) {
    for (std::int32_t k = std::max(key_begin, piece.key_begin); k < std::min(key_end, piece.key_end); ++k) {
      const std::int32_t distance = (q - piece.query_begin) + piece.diagonal - (k - piece.key_begin);
      if (distance >= 0 && distance < window) pairs.insert({q, k});
    }
  }
}

// The definition: the tokens of the path, up to the query, less than `window` positions back.
Pairs visible_pairs(const TokenRow& row, std::int64_t window) {
  Pairs pairs;
  for (std::size_t s = 0; s < row.segments.size(); ++s) {
    for (std::int64_t q = row.segments[s].begin; q < row.segments[s].end; ++q) {
      for (const std::int32_t p : path_to(row, static_cast<std::int32_t>(s))) {
        const Segment& part = row.segments[static_cast<std::size_t>(p)];
        for (std::int64_t k = part.begin; k < part.end && k <= q; ++k) {
          const std::int32_t apart = row.positions[static_cast<std::size_t>(q)] - row.positions[static_cast<std::size_t>(k)];
          if (window == 0 || apart < window) pairs.insert({static_cast<std::int32_t>(q), static_cast<std::int32_t>(k)});
        }
      }
    }
  }
  return pairs;
}

TEST(AttentionPlan, CoversEachVisiblePairOfARowOnceByItemsAndOnceByKeyItems) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    base::RandomStream random(seed, "plan");
    const TokenRow row = random_row(random, 50);
    const std::int64_t window = seed % 2 == 0 ? 0 : static_cast<std::int64_t>(1 + random.below(12));
    const auto limit = window == 0 ? kNoWindow : static_cast<std::int32_t>(window);
    const AttentionPlan plan = plan_row(visible_pieces(row, window), row.num_tokens(), static_cast<std::int64_t>(1 + random.below(9)), static_cast<std::int64_t>(1 + random.below(9)));
    Pairs by_items, by_keys;
    std::int32_t tokens = 0, keys = 0;
    for (const AttentionItem& item : plan.items) {
      tokens += item.token_end - item.token_begin;
      for (std::int32_t p = item.piece_begin; p < item.piece_end; ++p) {
        add_pairs(plan.pieces[static_cast<std::size_t>(p)], item.token_begin, item.token_end, 0, 1 << 20, limit, by_items);
      }
    }
    for (const KeyItem& item : plan.key_items) {
      keys += item.key_end - item.key_begin;
      for (std::int32_t p = item.piece_begin; p < item.piece_end; ++p) {
        add_pairs(plan.key_pieces[static_cast<std::size_t>(p)], 0, 1 << 20, item.key_begin, item.key_end, limit, by_keys);
      }
    }
    EXPECT_EQ(by_items, visible_pairs(row, window)) << "seed " << seed;
    EXPECT_EQ(by_keys, visible_pairs(row, window)) << "seed " << seed;
    EXPECT_EQ(tokens, row.num_tokens());
    EXPECT_EQ(keys, row.num_tokens());
  }
}

// Sequences of random lengths; some begin with pages of the one before.
struct RandomPass {
  std::vector<std::vector<text::TokenId>> tokens;
  std::vector<std::vector<engine::PageId>> pages;
  std::vector<engine::SequenceChunk> chunks;
};

RandomPass random_pass(std::uint64_t seed) {
  base::RandomStream random(seed, "pass");
  RandomPass pass;
  std::int32_t next_page = 0;
  const std::size_t count = 1 + random.below(6);
  std::vector<std::int64_t> begins;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t news = random.below(3) == 0 ? static_cast<std::int64_t>(1 + random.below(20)) : 1;
    std::int64_t begin = static_cast<std::int64_t>(random.below(600));
    auto& pages = pass.pages.emplace_back();
    if (i > 0 && random.below(2) == 0) {
      const std::size_t shared = random.below(pass.pages[i - 1].size());
      pages.assign(pass.pages[i - 1].begin(), pass.pages[i - 1].begin() + static_cast<std::ptrdiff_t>(shared));
      begin = std::max<std::int64_t>(begin, static_cast<std::int64_t>(shared) * kDevicePageTokens);
    }
    while (static_cast<std::int64_t>(pages.size()) * kDevicePageTokens < begin + news) pages.push_back(engine::PageId{next_page++});
    pass.tokens.emplace_back(static_cast<std::size_t>(news), text::TokenId{1});
    begins.push_back(begin);
  }
  for (std::size_t i = 0; i < count; ++i) pass.chunks.push_back({.tokens = pass.tokens[i], .begin = begins[i], .pages = pass.pages[i]});
  return pass;
}

TEST(AttentionPlan, EachTokenOfAPassSeesItsOwnSlotsOnceAndItsPartsAreMergedOnce) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const RandomPass pass = random_pass(seed);
    const std::int64_t window = seed % 3 == 0 ? static_cast<std::int64_t>(1 + seed % 200) : 0;
    const std::int32_t limit = window == 0 ? kNoWindow : static_cast<std::int32_t>(window);
    const AttentionPlan plan = plan_chunks(pass.chunks, window, 4);
    std::map<std::int32_t, std::multiset<std::int32_t>> seen;   // token: slots
    std::map<std::int32_t, std::set<std::int32_t>> partial_rows;  // token: rows
    std::set<std::int32_t> direct;
    for (const AttentionItem& item : plan.items) {
      EXPECT_LE(item.token_end - item.token_begin, 4);
      for (std::int32_t p = item.piece_begin; p < item.piece_end; ++p) {
        const VisiblePiece& piece = plan.pieces[static_cast<std::size_t>(p)];
        Pairs pairs;
        add_pairs(piece, item.token_begin, item.token_end, 0, 1 << 20, limit, pairs);
        for (const auto& [token, key] : pairs) {
          seen[token].insert(plan.page_table[static_cast<std::size_t>(piece.pages + key / kDevicePageTokens)] * kDevicePageTokens + key % kDevicePageTokens);
        }
      }
      for (std::int32_t token = item.token_begin; token < item.token_end; ++token) {
        if (item.partial < 0) EXPECT_TRUE(direct.insert(token).second);
        else EXPECT_TRUE(partial_rows[token].insert(item.partial + token - item.token_begin).second);
      }
    }
    std::set<std::int32_t> merged_rows;
    for (const MergedToken& merged : plan.merged) {
      const std::set<std::int32_t> rows(plan.parts.begin() + merged.part_begin, plan.parts.begin() + merged.part_end);
      EXPECT_EQ(rows, partial_rows[merged.token]);
      EXPECT_FALSE(direct.contains(merged.token));
      merged_rows.insert(rows.begin(), rows.end());
    }
    EXPECT_EQ(static_cast<std::int32_t>(merged_rows.size()), plan.num_partial_rows);
    std::int32_t token = 0;
    for (const engine::SequenceChunk& chunk : pass.chunks) {
      for (std::size_t i = 0; i < chunk.tokens.size(); ++i, ++token) {
        const std::int64_t position = chunk.begin + static_cast<std::int64_t>(i);
        std::multiset<std::int32_t> want;
        for (std::int64_t k = window == 0 ? 0 : std::max<std::int64_t>(0, position - window + 1); k <= position; ++k) {
          want.insert(static_cast<std::int32_t>(chunk.pages[static_cast<std::size_t>(k / kDevicePageTokens)]) * kDevicePageTokens + static_cast<std::int32_t>(k % kDevicePageTokens));
        }
        EXPECT_EQ(seen[token], want) << "seed " << seed << ", token " << token;
      }
    }
  }
}

TEST(AttentionPlan, SamplesOfAPromptReadItsPiecesOnceForAll) {
  std::vector<std::vector<engine::PageId>> pages(16);
  std::vector<engine::SequenceChunk> chunks;
  const std::vector<text::TokenId> token{text::TokenId{1}};
  for (std::int32_t s = 0; s < 16; ++s) {
    for (std::int32_t p = 0; p < 8; ++p) pages[static_cast<std::size_t>(s)].push_back(engine::PageId{p});  // 256 tokens: two pieces
    pages[static_cast<std::size_t>(s)].push_back(engine::PageId{8 + s});
    chunks.push_back({.tokens = token, .begin = 260, .pages = pages[static_cast<std::size_t>(s)]});
  }
  const AttentionPlan plan = plan_chunks(chunks, 0, 16);
  EXPECT_EQ(plan.items.size(), 2u + 16u);
  EXPECT_EQ(plan.merged.size(), 16u);
}

}  // namespace
}  // namespace drover::model
