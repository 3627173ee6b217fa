#include "engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/fake_paged_model_test.h"
#include "engine/recording_listener_test.h"

namespace drover::engine {
namespace {

using text::TokenId;

/// 0, 1, 2 ... modulo the vocabulary, from `first`.
std::vector<TokenId> counting(int count, int first = 0) {
  std::vector<TokenId> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(TokenId{(first + i) % 11});
  return tokens;
}

/// The tokens that a sample must have: drawn one by one from the outputs of the whole sequence, without pages.
std::vector<SampledToken> drawn_alone(const FakePagedModel& model, const SampleRequest& request, std::int64_t sample_index) {
  auto sequence = request.prompt;
  SampleChance chance(request.options.seed, request.prompt, request.first_sample + sample_index);
  std::vector<SampledToken> reply;
  const auto& stop = request.options.stop_ids;
  while (static_cast<std::int64_t>(reply.size()) < request.options.max_tokens && static_cast<std::int64_t>(sequence.size()) < model.max_positions()) {
    SamplingContext context{.seen = sequence, .prompt_tokens = request.prompt.size()};
    if (static_cast<std::int64_t>(reply.size()) < request.options.min_tokens) context.banned = stop;
    const auto logits = model.outputs_after(model.state_after(sequence));
    reply.push_back(sample(logits, request.options, context, chance.at(static_cast<std::int64_t>(reply.size()))));
    sequence.push_back(reply.back().id);
    if (std::find(stop.begin(), stop.end(), reply.back().id) != stop.end()) break;
  }
  return reply;
}

void expect_same(const std::vector<SampledToken>& actual, const std::vector<SampledToken>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    EXPECT_EQ(actual[i].id, expected[i].id) << "token " << i;
    EXPECT_EQ(actual[i].log_prob, expected[i].log_prob) << "token " << i;
    EXPECT_EQ(actual[i].sampled_log_prob, expected[i].sampled_log_prob) << "token " << i;
  }
}

void run(Engine& engine) {
  for (int steps = 0; engine.step(); ++steps) ASSERT_LT(steps, 100000);
}

/// An engine on a fake model, with room for a number of pages.
struct Bench {
  explicit Bench(std::int64_t pages = 100, EngineOptions options = {}, const FakePagedModel::Shape& shape = {})
      : model(std::make_shared<FakePagedModel>(shape)) {
    options.memory_bytes = pages * shape.bytes_per_page;
    options.check_each_step = true;
    engine = std::make_unique<Engine>(model, options);
  }

  template <typename Request>
  std::shared_ptr<RecordingListener> submit(const Request& request) {
    auto listener = std::make_shared<RecordingListener>();
    engine->submit(request, listener);
    return listener;
  }
  void expect_as_if_alone(const SampleRequest& request, const RecordingListener& listener) const {
    EXPECT_TRUE(listener.is_over);
    EXPECT_EQ(listener.failure_text(), "");
    EXPECT_EQ(static_cast<std::int64_t>(listener.ends.size()), request.num_samples);
    for (std::int64_t i = 0; i < request.num_samples; ++i) {
      ASSERT_TRUE(listener.samples.contains(i)) << "sample " << i;
      expect_same(listener.samples.at(i), drawn_alone(*model, request, i));
    }
  }

  std::shared_ptr<FakePagedModel> model;
  std::unique_ptr<Engine> engine;
};

TEST(Engine, SamplesAreThoseThatTheSequenceAloneWouldGive) {
  Bench bench;
  const SampleRequest request{.prompt = counting(10), .options = {.max_tokens = 9, .seed = 5}, .num_samples = 6, .first_sample = 3};
  const auto listener = bench.submit(request);
  run(*bench.engine);
  bench.expect_as_if_alone(request, *listener);
  for (const auto& [sample, end] : listener->ends) EXPECT_EQ(end, SampleEnd::kLength);
}

TEST(Engine, APromptIsComputedOnceForAllItsSamples) {
  Bench bench;
  bench.submit(SampleRequest{.prompt = counting(10), .options = {.max_tokens = 3}, .num_samples = 8});
  run(*bench.engine);
  // The last token of a reply is drawn, not computed.
  EXPECT_EQ(bench.model->computed_tokens, 10 + 8 * 2);
  const auto statistics = bench.engine->statistics();
  EXPECT_EQ(statistics.prompt_tokens, 10);
  EXPECT_EQ(statistics.computed_tokens, 10);
  EXPECT_EQ(statistics.cached_tokens, 0);
  EXPECT_EQ(statistics.new_tokens, 24);
  EXPECT_EQ(statistics.pages_in_use, 0);
  // Pages of 4 tokens: two full ones are shared, each sample has one of its own for tokens 9 to 12.
  EXPECT_EQ(statistics.pages_peak, 2 + 8);
}

TEST(Engine, WithoutSharingEachSampleComputesItsPrompt) {
  Bench bench(100, {.share_pages = false});
  const SampleRequest request{.prompt = counting(10), .options = {.max_tokens = 3}, .num_samples = 8};
  const auto listener = bench.submit(request);
  run(*bench.engine);
  bench.expect_as_if_alone(request, *listener);
  EXPECT_EQ(bench.model->computed_tokens, 8 * (10 + 2));
  EXPECT_EQ(bench.engine->statistics().pages_cached, 0);
}

}  // namespace
}  // namespace drover::engine
