#include "model/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace drover::model {
namespace {

class Threads : public testing::Test {
 protected:
  Threads() { use_threads(2); }
};

TEST_F(Threads, ParallelForVisitsEachIndexOnceOnMoreThanOneThread) {
  std::vector<std::atomic<int>> visits(1000);
  std::set<std::thread::id> threads;
  std::mutex mutex;
  parallel_for(1000, 1, [&](std::int64_t begin, std::int64_t end) {
    for (; begin < end; ++begin) ++visits[static_cast<std::size_t>(begin)];
    const std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
  });
  for (const auto& count : visits) EXPECT_EQ(count, 1);
  EXPECT_EQ(threads.size(), 2U) << "the OpenMP library of LibTorch was not found";
}

TEST_F(Threads, ParallelForKeepsSmallWorkOnTheCallingThread) {
  int calls = 0;
  parallel_for(7, 8, [&](std::int64_t begin, std::int64_t end) {
    ++calls;
    EXPECT_EQ(begin, 0);
    EXPECT_EQ(end, 7);
  });
  EXPECT_EQ(calls, 1);
  parallel_for(0, 1, [](std::int64_t, std::int64_t) { FAIL(); });
}

TEST_F(Threads, ParallelForInsideParallelForRunsWhereItIs) {
  std::atomic<int> inner = 0;
  parallel_for(2, 1, [&](std::int64_t, std::int64_t) {
    const auto here = std::this_thread::get_id();
    parallel_for(10, 1, [&](std::int64_t begin, std::int64_t end) {
      EXPECT_EQ(std::this_thread::get_id(), here);
      inner += static_cast<int>(end - begin);
    });
  });
  EXPECT_EQ(inner, 20);
}

TEST_F(Threads, AnExceptionReachesTheCaller) {
  EXPECT_THROW(parallel_for(100, 1, [](std::int64_t, std::int64_t) { throw std::runtime_error("x"); }), std::runtime_error);
  EXPECT_THROW(for_each_piece(100, [](std::int64_t i) { if (i == 50) throw std::runtime_error("x"); }), std::runtime_error);
}

TEST_F(Threads, ForEachPieceVisitsEachPieceOnce) {
  std::vector<std::atomic<int>> visits(1000);
  for_each_piece(1000, [&](std::int64_t i) { ++visits[static_cast<std::size_t>(i)]; });
  for (const auto& count : visits) EXPECT_EQ(count, 1);
}

}  // namespace
}  // namespace drover::model
