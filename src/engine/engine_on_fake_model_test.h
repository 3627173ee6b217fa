#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "engine/drawn_alone_test.h"
#include "engine/engine.h"
#include "engine/fake_paged_model_test.h"
#include "engine/recording_listener_test.h"

namespace drover::engine {

/// `count` tokens: first, first + 1, ... modulo the fake model's vocabulary.
inline std::vector<text::TokenId> counting(int count, int first = 0) {
  std::vector<text::TokenId> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(text::TokenId{(first + i) % 11});
  return tokens;
}

/// An engine on a fake model with pages of 4 tokens, and room for a number of pages.
struct EngineOnFakeModel {
  explicit EngineOnFakeModel(std::int64_t pages = 100, EngineOptions options = {},
                             const FakePagedModel::Shape& shape = {})
      : model(std::make_shared<FakePagedModel>(shape)) {
    options.memory_bytes = pages * shape.bytes_per_page;
    options.check_each_step = true;
    engine = std::make_unique<Engine>(model, options);
  }

  template <typename Request>
  std::shared_ptr<RecordingListener> submit(const Request& request) {
    auto listener = std::make_shared<RecordingListener>();
    last_id = engine->submit(request, listener);
    return listener;
  }
  template <typename Request>
  std::shared_ptr<RecordingListener> answer(const Request& request) {
    auto listener = submit(request);
    run();
    return listener;
  }
  void run() {
    for (int steps = 0; engine->step(); ++steps) ASSERT_LT(steps, 100000);
  }

  /// All samples of the request came to their end with the tokens that they have alone.
  void expect_as_if_alone(const SampleRequest& request, const RecordingListener& listener) const {
    EXPECT_TRUE(listener.is_over);
    EXPECT_EQ(listener.failure_text(), "");
    EXPECT_EQ(std::ssize(listener.ends), request.num_samples);
    for (std::int64_t i = 0; i < request.num_samples; ++i) {
      const auto expected = drawn_alone(*model, request, i);
      ASSERT_TRUE(listener.samples.contains(i) || expected.tokens.empty()) << "sample " << i;
      if (expected.tokens.empty()) continue;
      EXPECT_EQ(listener.samples.at(i).size(), expected.tokens.size());
      expect_start_of(listener.samples.at(i), expected.tokens);
      EXPECT_EQ(listener.ends.at(i), expected.end);
    }
  }

  std::shared_ptr<FakePagedModel> model;
  std::unique_ptr<Engine> engine;
  RequestId last_id{};
};

}  // namespace drover::engine
