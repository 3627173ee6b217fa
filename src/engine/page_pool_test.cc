#include "engine/page_pool.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace drover::engine {
namespace {

/// Takes bytes and has nothing to give.
class Taker : public MemoryBudget::Member {
 public:
  std::int64_t discardable_bytes() const override { return 0; }
  void discard_for_another(std::int64_t) override {}
  void bytes_came_back() override { ++calls; }
  int calls = 0;
};

struct Pool {
  explicit Pool(std::int64_t bytes)
      : budget(std::make_shared<MemoryBudget>(bytes)),
        pool(budget, taker, 10, [this](PageId page) { discarded.push_back(page); }) {
    budget->join(taker);
  }
  ~Pool() { budget->leave(taker); }

  Taker taker;
  std::vector<PageId> discarded;
  std::shared_ptr<MemoryBudget> budget;
  PagePool pool;
};

TEST(PagePool, APageIsFreeInUseOrCached) {
  Pool made(35);
  auto& pool = made.pool;
  EXPECT_EQ(pool.capacity(), 3);
  ASSERT_EQ(pool.reserve(3), MemoryBudget::Answer::kTaken);
  EXPECT_EQ(pool.reserved(), 3);
  const auto kept = pool.take();
  const auto other = pool.take();
  EXPECT_EQ(pool.in_use(), 2);
  EXPECT_EQ(pool.reserved(), 1);
  pool.keep(kept);
  pool.hold(kept);
  EXPECT_FALSE(pool.release(kept));
  EXPECT_TRUE(pool.release(kept));
  EXPECT_TRUE(pool.release(other));
  EXPECT_EQ(pool.in_use(), 0);
  EXPECT_EQ(pool.cached(), 1);
  EXPECT_EQ(pool.peak(), 2);
  pool.check();
  pool.drop(kept);
  EXPECT_EQ(pool.cached(), 0);
  pool.return_reserve(1);
  EXPECT_EQ(made.budget->available(), 35);
  pool.check();
}

TEST(PagePool, RefusedReserveLeavesThePoolUnchanged) {
  Pool made(35);
  EXPECT_EQ(made.pool.reserve(4), MemoryBudget::Answer::kShort);
  EXPECT_EQ(made.pool.reserved(), 0);
  EXPECT_EQ(made.budget->available(), 35);
  EXPECT_EQ(made.pool.reserve(3), MemoryBudget::Answer::kTaken);
}

TEST(PagePool, CachedAndReservedPagesCountInTheBudget) {
  Pool made(40);
  auto& pool = made.pool;
  ASSERT_EQ(pool.reserve(2), MemoryBudget::Answer::kTaken);
  const auto page = pool.take();
  pool.keep(page);
  pool.release(page);
  EXPECT_EQ(made.budget->available(), 20);
  pool.hold(page);
  EXPECT_EQ(made.budget->available(), 20);
}

TEST(PagePool, MisuseIsFoundAtOnce) {
  Pool made(40);
  auto& pool = made.pool;
  EXPECT_THROW(pool.take(), base::InternalError);
  ASSERT_EQ(pool.reserve(1), MemoryBudget::Answer::kTaken);
  const auto page = pool.take();
  EXPECT_THROW(pool.drop(page), base::InternalError);
  pool.release(page);
  EXPECT_THROW(pool.release(page), base::InternalError);
  EXPECT_THROW(pool.hold(page), base::InternalError);
  EXPECT_THROW(pool.hold(PageId{7}), base::InternalError);
  EXPECT_THROW(pool.return_reserve(1), base::InternalError);
}

TEST(PagePool, OnlyASharedBudgetMakesPagesGoBackToTheSystem) {
  Pool made(40);
  const auto use_one = [&] {
    ASSERT_EQ(made.pool.reserve(1), MemoryBudget::Answer::kTaken);
    made.pool.release(made.pool.take());
  };
  use_one();
  EXPECT_TRUE(made.discarded.empty());
  Taker another;
  made.budget->join(another);
  use_one();
  EXPECT_EQ(made.discarded, std::vector{PageId{0}});
  made.budget->leave(another);
}

TEST(MemoryBudget, TheFirstInLineIsServedFirst) {
  MemoryBudget budget(100);
  Taker large;
  Taker small;
  budget.join(large);
  budget.join(small);
  ASSERT_EQ(budget.take(small, 60), MemoryBudget::Answer::kTaken);
  EXPECT_EQ(budget.take(large, 80), MemoryBudget::Answer::kShort);
  EXPECT_EQ(budget.needed_by_another(small), 80);
  EXPECT_EQ(budget.needed_by_another(large), 0);
  // There would be room for the small one, but then the large one might wait for ever.
  EXPECT_EQ(budget.take(small, 10), MemoryBudget::Answer::kAnotherIsFirst);
  budget.give_back(60);
  EXPECT_GE(large.calls, 1);
  EXPECT_EQ(budget.take(small, 10), MemoryBudget::Answer::kAnotherIsFirst);
  EXPECT_EQ(budget.take(large, 80), MemoryBudget::Answer::kTaken);
  EXPECT_EQ(budget.take(small, 10), MemoryBudget::Answer::kTaken);
  budget.leave(large);
  budget.leave(small);
}

TEST(MemoryBudget, WhoLeavesTheLineLetsTheNextOnePass) {
  MemoryBudget budget(100);
  Taker first;
  Taker second;
  ASSERT_EQ(budget.take(second, 50), MemoryBudget::Answer::kTaken);
  ASSERT_EQ(budget.take(first, 80), MemoryBudget::Answer::kShort);
  ASSERT_EQ(budget.take(second, 20), MemoryBudget::Answer::kAnotherIsFirst);
  budget.leave_line(first);
  EXPECT_EQ(second.calls, 1);
  EXPECT_EQ(budget.take(second, 20), MemoryBudget::Answer::kTaken);
  EXPECT_EQ(budget.available(), 30);
}

TEST(MemoryBudget, NothingIsNoBudget) { EXPECT_THROW(MemoryBudget(0), base::UserError); }

}  // namespace
}  // namespace drover::engine
