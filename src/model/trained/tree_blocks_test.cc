#include "model/trained/tree_blocks.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "model/attention.h"
#include "model/attention_blocks.h"
#include "model/packed/training_kernels.h"
#include "model/random_row_test.h"

namespace drover::model {
namespace {

using at::Tensor;

// Random trees whose segments are empty, short, or longer than a block.
TokenRow row_of_long_and_short_segments(base::RandomStream& random) {
  TokenRow row;
  const auto segments = static_cast<std::int32_t>(1 + random.below(7));
  for (std::int32_t s = 0; s < segments; ++s) {
    const auto parent = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(s) + 1)) - 1;
    row.add_segment(parent, random_tokens(random, static_cast<std::int64_t>(random.below(random.below(2) == 0 ? 4 : 150)), 70));
  }
  return row;
}

// How often each (query, key) is covered.
Tensor times_covered(const TokenRow& row, const TreeBlocks& blocks) {
  Tensor times = at::zeros({row.num_tokens(), row.num_tokens()}, at::kInt);
  auto* to = times.mutable_data_ptr<std::int32_t>();
  for (std::size_t i = 0; i < blocks.runs.size(); ++i) {
    for (std::int64_t entry = blocks.first_entry[i]; entry < blocks.first_entry[i + 1]; ++entry) {
      const TreeBlocks::Run& keys = blocks.runs[static_cast<std::size_t>(blocks.keys[static_cast<std::size_t>(entry)])];
      for (std::int64_t r = 0; r < blocks.runs[i].count; ++r) {
        const auto at = static_cast<std::size_t>(entry * kBlockTokens + r);
        EXPECT_LE(blocks.ends[at], keys.count);
        for (std::int64_t key = blocks.begins[at]; key < blocks.ends[at]; ++key) {
          ++to[(blocks.runs[i].begin + r) * row.num_tokens() + keys.begin + key];
        }
      }
    }
  }
  return times;
}

// The definition: own segment causally and ancestors, less than `window` positions back.
Tensor visible(const TokenRow& row, std::int64_t window) {
  const Tensor mask = mask_of(attention_blocks(row), row.num_tokens(), row.num_tokens());
  if (window == 0) return mask;
  Tensor positions = at::empty({row.num_tokens()}, at::kInt);
  std::copy(row.positions.begin(), row.positions.end(), positions.mutable_data_ptr<std::int32_t>());
  return mask.logical_and((positions.unsqueeze(1) - positions.unsqueeze(0)) < window);
}

TEST(TreeBlocks, CoverEachVisiblePairOnceAndNoOther) {
  base::RandomStream random(1, "trees");
  for (int i = 0; i < 60; ++i) {
    const TokenRow row = row_of_long_and_short_segments(random);
    if (row.num_tokens() == 0) continue;
    for (const std::int64_t window : {0, 1, 5, 64, 100}) {
      const Tensor times = times_covered(row, tree_blocks(row, window));
      EXPECT_TRUE(at::equal(times, visible(row, window).to(at::kInt))) << "row " << i << ", window " << window;
    }
  }
}

TEST(TreeBlocks, RunsFollowEachOtherOverTheRowAndEndWithTheirSegment) {
  base::RandomStream random(2, "trees");
  for (int i = 0; i < 60; ++i) {
    const TokenRow row = row_of_long_and_short_segments(random);
    const TreeBlocks blocks = tree_blocks(row, 0);
    std::int64_t next = 0;
    for (const auto& run : blocks.runs) {
      EXPECT_EQ(run.begin, next);
      EXPECT_GE(run.count, 1);
      EXPECT_LE(run.count, kBlockTokens);
      next = run.begin + run.count;
      EXPECT_TRUE(std::any_of(row.segments.begin(), row.segments.end(),
                              [&](const Segment& segment) { return segment.begin <= run.begin && next <= segment.end; }));
    }
    EXPECT_EQ(next, row.num_tokens());
  }
}

TEST(TreeBlocks, SeersMirrorTheEntries) {
  base::RandomStream random(3, "trees");
  for (int i = 0; i < 60; ++i) {
    const TreeBlocks blocks = tree_blocks(row_of_long_and_short_segments(random), i % 2 == 0 ? 0 : 70);
    using Triple = std::tuple<std::int32_t, std::int64_t, std::int64_t>;  // queries, keys, entry
    std::multiset<Triple> entries, seers;
    for (std::int64_t run = 0; run < blocks.num_runs(); ++run) {
      const auto at = static_cast<std::size_t>(run);
      for (std::int64_t e = blocks.first_entry[at]; e < blocks.first_entry[at + 1]; ++e) {
        entries.emplace(static_cast<std::int32_t>(run), blocks.keys[static_cast<std::size_t>(e)], e);
      }
      for (std::int64_t s = blocks.first_seer[at]; s < blocks.first_seer[at + 1]; ++s) {
        const auto& seer = blocks.seers[static_cast<std::size_t>(s)];
        seers.emplace(seer.queries, run, seer.entry);
      }
    }
    EXPECT_EQ(entries.size(), blocks.keys.size());
    EXPECT_EQ(entries, seers);
  }
}

TEST(TreeBlocks, TreesShareNoRunsAndSeeNothingOfEachOther) {
  base::RandomStream random(4, "trees");
  for (int i = 0; i < 60; ++i) {
    const TreeBlocks blocks = tree_blocks(row_of_long_and_short_segments(random), 0);
    std::vector<int> tree_of(blocks.runs.size(), -1);
    for (std::size_t tree = 0; tree < blocks.trees.size(); ++tree) {
      EXPECT_FALSE(blocks.trees[tree].empty());
      for (const std::int32_t run : blocks.trees[tree]) {
        EXPECT_EQ(tree_of[static_cast<std::size_t>(run)], -1) << "in two trees";
        tree_of[static_cast<std::size_t>(run)] = static_cast<int>(tree);
      }
    }
    for (std::size_t run = 0; run < blocks.runs.size(); ++run) {
      EXPECT_NE(tree_of[run], -1) << "in no tree";
      for (std::int64_t e = blocks.first_entry[run]; e < blocks.first_entry[run + 1]; ++e) {
        EXPECT_EQ(tree_of[run], tree_of[static_cast<std::size_t>(blocks.keys[static_cast<std::size_t>(e)])]);
      }
    }
  }
}

}  // namespace
}  // namespace drover::model
