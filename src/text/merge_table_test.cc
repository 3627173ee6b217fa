#include "text/merge_table.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace drover::text {
namespace {

using Symbols = std::vector<std::int32_t>;

Symbols merged(const MergeTable& table, Symbols symbols) {
  MergeTable::Scratch scratch;
  table.merge_all(symbols, scratch);
  return symbols;
}

/// The definition: again and again the pair of lowest rank, the leftmost of equals.
Symbols merged_by_definition(const MergeTable& table, Symbols symbols) {
  while (true) {
    std::size_t best = symbols.size();
    MergeTable::Merge chosen{0, -1};
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto merge = table.find(symbols[i], symbols[i + 1]);
      if (merge.result >= 0 && (best == symbols.size() || merge.rank < chosen.rank)) {
        best = i;
        chosen = merge;
      }
    }
    if (best == symbols.size()) return symbols;
    symbols[best] = chosen.result;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

TEST(MergeTable, MergesTheLowestRankFirst) {
  MergeTable table;
  table.add(1, 2, {5, 12});
  table.add(2, 3, {4, 23});
  EXPECT_EQ(merged(table, {1, 2, 3}), (Symbols{1, 23}));
}

TEST(MergeTable, MergesTheLeftmostOfEqualRanks) {
  MergeTable table;
  table.add(1, 1, {0, 11});
  EXPECT_EQ(merged(table, {1, 1, 1}), (Symbols{11, 1}));
}

TEST(MergeTable, KeepsTheLaterOfTwoEntriesForOnePair) {
  MergeTable table;
  table.add(1, 2, {0, 8});
  table.add(1, 2, {0, 9});
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(table.find(1, 2).result, 9);
  EXPECT_LT(table.find(2, 1).result, 0);
}

TEST(MergeTable, MergesShortAndLongTextsAsTheDefinitionSays) {
  std::mt19937 chance(5);
  for (int round = 0; round < 60; ++round) {
    MergeTable table;
    // Few ranks, so that equal ones occur; every result is a new symbol that may merge again.
    for (std::int32_t result = 6; result < 40; ++result) {
      const auto left = static_cast<std::int32_t>(chance() % static_cast<unsigned>(result));
      const auto right = static_cast<std::int32_t>(chance() % static_cast<unsigned>(result));
      table.add(left, right, {static_cast<std::int32_t>(chance() % 12), result});
    }
    for (const std::size_t length : {0, 1, 2, 3, 17, 48, 49, 50, 300}) {
      Symbols symbols;
      for (std::size_t i = 0; i < length; ++i) symbols.push_back(static_cast<std::int32_t>(chance() % 6));
      EXPECT_EQ(merged(table, symbols), merged_by_definition(table, symbols)) << "length " << length;
    }
  }
}

}  // namespace
}  // namespace drover::text
