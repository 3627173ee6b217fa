#include "engine/prefix_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace drover::engine {
namespace {

using text::TokenId;

std::vector<TokenId> tokens_of(const std::vector<int>& ids) {
  std::vector<TokenId> tokens;
  for (const int id : ids) tokens.push_back(TokenId{id});
  return tokens;
}

/// Pages of 4 tokens, plenty of them.
class PrefixCacheTest : public testing::Test, public MemoryBudget::Member {
 public:
  std::int64_t discardable_bytes() const override { return 0; }
  void discard_for_another(std::int64_t) override {}
  void bytes_came_back() override {}

 protected:
  PageId take() {
    EXPECT_EQ(pool.reserve(1), MemoryBudget::Answer::kTaken);
    return pool.take();
  }
  /// A full page after `parent`, still held.
  CachedPage& enter(CachedPage& parent, const std::vector<int>& ids) {
    return cache.enter(parent, tokens_of(ids), take());
  }
  void enter_tail(CachedPage& parent, const std::vector<int>& ids) {
    const auto page = take();
    cache.enter_tail(parent, tokens_of(ids), page);
    cache.release(page);
  }
  bool knows(CachedPage& parent, const std::vector<int>& ids) { return cache.find(parent, tokens_of(ids)) != nullptr; }

  PagePool pool{std::make_shared<MemoryBudget>(1000), *this, 1, [](PageId) {}};
  PrefixCache cache{pool, 4};
};

TEST_F(PrefixCacheTest, FindsAPageByItsTokensAndThoseBeforeIt) {
  auto& first = enter(cache.root(), {1, 2, 3, 4});
  auto& second = enter(first, {5, 6, 7, 8});
  EXPECT_EQ(cache.find(cache.root(), tokens_of({1, 2, 3, 4})), &first);
  EXPECT_EQ(cache.find(first, tokens_of({5, 6, 7, 8})), &second);
  EXPECT_EQ(cache.find(cache.root(), tokens_of({5, 6, 7, 8})), nullptr);
  EXPECT_EQ(cache.find(second, tokens_of({5, 6, 7, 8})), nullptr);
  cache.check();
}

TEST_F(PrefixCacheTest, AgreesToTheTokenWithFullPagesAndTails) {
  auto& full = enter(cache.root(), {1, 2, 3, 4});
  enter(cache.root(), {1, 2, 9, 9});
  enter(cache.root(), {2, 0, 0, 0});
  enter_tail(full, {5, 6});
  const auto agreement = [&](CachedPage& parent, const std::vector<int>& ids) {
    return cache.find_longest(parent, tokens_of(ids));
  };
  EXPECT_EQ(agreement(cache.root(), {1, 2, 3, 7}).page, &full);
  EXPECT_EQ(agreement(cache.root(), {1, 2, 3, 7}).num_tokens, 3);
  EXPECT_EQ(agreement(cache.root(), {1, 2, 3}).num_tokens, 3);
  EXPECT_EQ(agreement(cache.root(), {1, 2, 9, 1}).num_tokens, 3);
  EXPECT_EQ(agreement(cache.root(), {1, 0, 0, 0}).num_tokens, 1);
  EXPECT_EQ(agreement(cache.root(), {3, 2, 3, 4}).page, nullptr);
  EXPECT_EQ(agreement(full, {5, 6, 7, 8}).num_tokens, 2);
  EXPECT_EQ(agreement(full, {5}).num_tokens, 1);
}

TEST_F(PrefixCacheTest, TheLeastRecentlyUsedPageThatNothingComesAfterGoesFirst) {
  auto& old = enter(cache.root(), {1, 1, 1, 1});
  auto& after_old = enter(old, {2, 2, 2, 2});
  auto& recent = enter(cache.root(), {3, 3, 3, 3});
  cache.release(recent.page());
  cache.release(after_old.page());
  cache.release(old.page());
  // Used again: now it is the most recent one.
  cache.hold(recent.page());
  cache.release(recent.page());
  cache.check();
  ASSERT_EQ(pool.cached(), 3);
  EXPECT_TRUE(cache.discard_one());
  EXPECT_FALSE(knows(old, {2, 2, 2, 2}));
  EXPECT_TRUE(cache.discard_one());
  EXPECT_FALSE(knows(cache.root(), {1, 1, 1, 1}));
  EXPECT_TRUE(knows(cache.root(), {3, 3, 3, 3}));
  EXPECT_TRUE(cache.discard_one());
  EXPECT_FALSE(cache.discard_one());
  EXPECT_EQ(pool.cached() + pool.in_use(), 0);
  cache.check();
}

TEST_F(PrefixCacheTest, HeldPagesAndThoseBeforeHeldOnesStay) {
  auto& first = enter(cache.root(), {1, 1, 1, 1});
  enter(first, {2, 2, 2, 2});
  EXPECT_FALSE(cache.discard_one());
}

TEST_F(PrefixCacheTest, ASecondPageWithTheSameTokensIsNotEntered) {
  auto& first = enter(cache.root(), {1, 2, 3, 4});
  const auto page = take();
  EXPECT_EQ(&cache.enter(cache.root(), tokens_of({1, 2, 3, 4}), page), &first);
  EXPECT_NE(first.page(), page);
  cache.release(page);
  EXPECT_EQ(pool.in_use(), 1);
}

TEST_F(PrefixCacheTest, ATailThatIsKnownIsNotEnteredAgain) {
  cache.release(enter(cache.root(), {1, 2, 3, 4}).page());
  enter_tail(cache.root(), {1, 2});
  EXPECT_EQ(pool.cached(), 1);
  enter_tail(cache.root(), {1, 3});
  EXPECT_EQ(pool.cached(), 2);
}

TEST_F(PrefixCacheTest, APromiseIsWorthWaitingForFromHalfAPageOn) {
  int owner = 0;
  int other = 0;
  auto* promised = cache.promise(cache.root(), tokens_of({1, 2, 3, 4}), &owner);
  ASSERT_NE(promised, nullptr);
  EXPECT_TRUE(promised->is_promise());
  EXPECT_EQ(cache.promise(cache.root(), tokens_of({1, 2, 3, 4}), &other), nullptr);
  EXPECT_TRUE(cache.find_longest(cache.root(), tokens_of({1, 2, 3, 4})).comes_soon);
  EXPECT_TRUE(cache.find_longest(cache.root(), tokens_of({1, 2, 9, 9})).comes_soon);
  EXPECT_FALSE(cache.find_longest(cache.root(), tokens_of({1, 9, 9, 9})).comes_soon);
  enter(cache.root(), {1, 2, 3, 9});
  EXPECT_FALSE(cache.find_longest(cache.root(), tokens_of({1, 2, 3, 7})).comes_soon) << "what is known agrees as far";
  EXPECT_TRUE(cache.find_longest(cache.root(), tokens_of({1, 2, 3, 4})).comes_soon);
  cache.check();
}

TEST_F(PrefixCacheTest, WithdrawnPromisesAreGoneAndKeptOnesStay) {
  int owner = 0;
  const auto tokens = tokens_of({1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3});
  auto* first = cache.promise(cache.root(), tokens_of({1, 1, 1, 1}), &owner);
  auto* second = cache.promise(*first, tokens_of({2, 2, 2, 2}), &owner);
  cache.promise(*second, tokens_of({3, 3, 3, 3}), &owner);
  // Another sequence came to the first page meanwhile, and has ended.
  auto& entered = enter(cache.root(), {1, 1, 1, 1});
  EXPECT_EQ(&entered, first);
  cache.release(entered.page());
  EXPECT_FALSE(cache.discard_one()) << "promises come after it";
  cache.withdraw(cache.root(), tokens, &owner);
  EXPECT_TRUE(knows(cache.root(), {1, 1, 1, 1}));
  EXPECT_FALSE(knows(entered, {2, 2, 2, 2}));
  cache.check();
  EXPECT_TRUE(cache.discard_one());
}

}  // namespace
}  // namespace drover::engine
