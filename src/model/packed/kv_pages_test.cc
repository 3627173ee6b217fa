#include "model/packed/kv_pages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace drover::model {
namespace {

using engine::PageId;

// 4096 is what the system forgets at once on most machines; the others end inside such a page.
class KvPagesOfSize : public testing::TestWithParam<int> {
 protected:
  KvPagesOfSize() : pages_(GetParam()) { pages_.reserve(3); }
  bool holds_only(PageId page, int value) const {
    return std::all_of(pages_.at(page), pages_.at(page) + GetParam(), [value](std::byte byte) { return byte == static_cast<std::byte>(value); });
  }
  void fill(PageId page, int value) { std::memset(pages_.at(page), value, static_cast<std::size_t>(GetParam())); }

  KvPages pages_;
};

TEST_P(KvPagesOfSize, ADiscardedPageIsZeroAndItsNeighboursStay) {
  for (int page = 0; page < 3; ++page) fill(PageId{page}, page + 1);
  pages_.discard(PageId{1});
  EXPECT_TRUE(holds_only(PageId{0}, 1));
  EXPECT_TRUE(holds_only(PageId{1}, 0));
  EXPECT_TRUE(holds_only(PageId{2}, 3));
  pages_.discard(PageId{0});
  EXPECT_TRUE(holds_only(PageId{0}, 0));
  EXPECT_TRUE(holds_only(PageId{2}, 3));
}

TEST_P(KvPagesOfSize, ACopyIsEqualAndApart) {
  fill(PageId{0}, 7);
  pages_.copy(PageId{0}, PageId{2});
  fill(PageId{0}, 8);
  EXPECT_TRUE(holds_only(PageId{1}, 0));
  EXPECT_TRUE(holds_only(PageId{2}, 7));
}

INSTANTIATE_TEST_SUITE_P(Sizes, KvPagesOfSize, testing::Values(4096, 6144, 640));

}  // namespace
}  // namespace drover::model
