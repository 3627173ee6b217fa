// Threads that submit, cancel and wake while others step: made for ThreadSanitizer (scripts/test --fuzz runs it so),
// cheap without.
#include <gtest/gtest.h>

#include <future>
#include <random>
#include <thread>

#include "engine/drawn_alone_test.h"
#include "engine/engine.h"
#include "engine/memory_budget.h"
#include "engine/recording_listener_test.h"

namespace drover::engine {
namespace {

using text::TokenId;

/// Draws on two threads.
class ThreadedModel : public FakePagedModel {
 public:
  using FakePagedModel::FakePagedModel;
  void for_each(std::int64_t count, const std::function<void(std::int64_t)>& work) override {
    std::thread half([&] {
      for (std::int64_t i = 0; i < count; i += 2) work(i);
    });
    for (std::int64_t i = 1; i < count; i += 2) work(i);
    half.join();
  }
};

/// An engine and the thread that steps it.
class SteppedEngine {
 public:
  SteppedEngine(std::shared_ptr<MemoryBudget> budget, std::uint64_t weights)
      : model(std::make_shared<ThreadedModel>(FakePagedModel::Shape{.weights = weights})),
        engine(model,
               {.budget = std::move(budget), .max_sequences = 6, .tokens_per_step = 16, .check_each_step = true}),
        thread_([this] {
          while (!is_done_) {
            if (!engine.step()) engine.wait_for_work();
          }
        }) {}
  ~SteppedEngine() {
    is_done_ = true;
    engine.wake();
    thread_.join();
  }

  const std::shared_ptr<ThreadedModel> model;
  Engine engine;

 private:
  std::atomic<bool> is_done_ = false;
  std::thread thread_;
};

/// Submits requests one after the other, cancels some, and checks what came.
void use(SteppedEngine& stepped, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto number = [&](std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(least, most)(random);
  };
  for (int i = 0; i < 25; ++i) {
    SampleRequest request{.options = {.max_tokens = number(1, 12), .seed = seed}, .num_samples = number(1, 3)};
    for (auto left = number(1, 14); left > 0; --left)
      request.prompt.push_back(TokenId{static_cast<std::int32_t>(number(0, 1))});
    const auto listener = std::make_shared<RecordingListener>();
    const auto over = std::make_shared<std::promise<void>>();
    listener->when_over = [over] { over->set_value(); };
    const auto id = stepped.engine.submit(request, listener);
    const bool is_cancelled = number(0, 3) == 0;
    if (is_cancelled) stepped.engine.cancel(id);
    if (number(0, 3) == 0) stepped.engine.wake();
    EXPECT_GE(stepped.engine.statistics().pages, stepped.engine.statistics().pages_in_use);
    over->get_future().wait();
    EXPECT_EQ(listener->failure_text(), "");
    for (std::int64_t sample = 0; sample < request.num_samples; ++sample) {
      const auto expected = drawn_alone(*stepped.model, request, sample);
      expect_start_of(listener->samples[sample], expected.tokens);
      EXPECT_TRUE(is_cancelled || listener->samples[sample].size() == expected.tokens.size());
    }
  }
}

TEST(EngineThreads, SubmitCancelAndWakeWhileAnotherThreadSteps) {
  SteppedEngine stepped(std::make_shared<MemoryBudget>(20 * 100), 1);
  std::vector<std::thread> users;
  for (std::uint64_t seed = 0; seed < 4; ++seed) users.emplace_back([&, seed] { use(stepped, seed); });
  for (auto& user : users) user.join();
  EXPECT_EQ(stepped.engine.statistics().waiting, 0);
}

TEST(EngineThreads, TwoEnginesOnTwoThreadsShareABudget) {
  const auto budget = std::make_shared<MemoryBudget>(12 * 100);
  SteppedEngine first(budget, 1);
  SteppedEngine second(budget, 2);
  std::vector<std::thread> users;
  for (std::uint64_t seed = 0; seed < 4; ++seed)
    users.emplace_back([&, seed] { use(seed % 2 == 0 ? first : second, seed); });
  for (auto& user : users) user.join();
}

TEST(EngineThreads, WakeEndsTheNextWait) {
  Engine engine(std::make_shared<FakePagedModel>(), {.memory_bytes = 1000});
  engine.wake();
  engine.wait_for_work();
  std::thread waker([&] { engine.wake(); });
  engine.wait_for_work();
  waker.join();
}

}  // namespace
}  // namespace drover::engine
