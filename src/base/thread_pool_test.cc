#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

namespace drover::base {
namespace {

TEST(ThreadPool, VisitsEveryIndexExactlyOnce) {
  ThreadPool pool(4);
  std::vector<std::atomic<int>> visits(10007);
  pool.parallel_for(10007, 13, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
  });
  for (const auto& count : visits) ASSERT_EQ(count.load(), 1);
}

TEST(ThreadPool, RethrowsTheFirstFaultAndServesAgainAfterIt) {
  ThreadPool pool(3);
  EXPECT_THROW(pool.parallel_for(100, 1, [](std::int64_t begin, std::int64_t) { if (begin == 17) throw std::runtime_error("17"); }),
               std::runtime_error);
  std::atomic<int> visited{0};
  pool.parallel_for(100, 1, [&](std::int64_t, std::int64_t) { ++visited; });
  EXPECT_EQ(visited.load(), 100);
}

TEST(ThreadPool, RunsNestedWorkOnTheCallingThread) {
  ThreadPool pool(2);
  std::atomic<int> visited{0};
  pool.parallel_for(8, 1, [&](std::int64_t, std::int64_t) {
    pool.parallel_for(8, 1, [&](std::int64_t begin, std::int64_t end) { visited += static_cast<int>(end - begin); });
  });
  EXPECT_EQ(visited.load(), 64);
}

TEST(ThreadPool, PiecesNeverExceedTheGrainWhicheverThreadRunsThem) {
  std::atomic<std::int64_t> longest{0};
  const auto measure = [&](std::int64_t begin, std::int64_t end) {
    std::int64_t seen = longest.load();
    while (seen < end - begin && !longest.compare_exchange_weak(seen, end - begin)) {
    }
  };
  ThreadPool alone(1);
  alone.parallel_for(100, 7, measure);
  EXPECT_EQ(longest.load(), 7);
  longest = 0;
  ThreadPool pool(2);
  pool.parallel_for(2, 1, [&](std::int64_t, std::int64_t) { pool.parallel_for(100, 7, measure); });
  EXPECT_EQ(longest.load(), 7);
}

}  // namespace
}  // namespace drover::base
