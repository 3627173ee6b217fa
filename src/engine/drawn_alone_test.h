#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "engine/engine.h"
#include "engine/fake_paged_model_test.h"

namespace drover::engine {

/// A reply as it must be.
struct Reply {
  std::vector<SampledToken> tokens;
  SampleEnd end = SampleEnd::kLength;
};

/// Draws a sample token by token from the outputs of the whole sequence: no pages, no batch.
inline Reply drawn_alone(const FakePagedModel& model, const SampleRequest& request, std::int64_t sample_index) {
  auto sequence = request.prompt;
  const auto& options = request.options;
  const auto& stop = options.stop_ids;
  const auto constraint = request.constraint ? request.constraint->copy() : nullptr;
  SampleChance chance(options.seed, request.prompt, request.first_sample + sample_index);
  Reply reply;
  while (static_cast<std::int64_t>(reply.tokens.size()) < options.max_tokens &&
         static_cast<std::int64_t>(sequence.size()) < model.max_positions()) {
    const auto position = static_cast<std::int64_t>(reply.tokens.size());
    SamplingContext context{.seen = sequence, .prompt_tokens = request.prompt.size()};
    if (position < options.min_tokens) context.banned = stop;
    TokenMask mask(model.vocab_size());
    if (constraint) {
      constraint->insert_allowed(mask);
      const bool only_ends =
          std::all_of(mask.words().begin(), mask.words().end(), [](std::uint64_t word) { return word == 0; });
      if (only_ends && stop.empty()) {
        reply.end = SampleEnd::kStopId;
        return reply;
      }
      if (only_ends) context.banned = {};
      if (constraint->may_end()) {
        for (const auto id : stop) mask.insert(id);
      }
      context.allowed = &mask;
    }
    reply.tokens.push_back(
        sample(model.outputs_after(model.state_after(sequence)), options, context, chance.at(position)));
    const auto id = reply.tokens.back().id;
    sequence.push_back(id);
    if (std::find(stop.begin(), stop.end(), id) != stop.end()) {
      reply.end = SampleEnd::kStopId;
      return reply;
    }
    if (constraint) constraint->accept(id);
  }
  return reply;
}

/// The first tokens of `expected`, bit for bit.
inline void expect_start_of(const std::vector<SampledToken>& actual, const std::vector<SampledToken>& expected) {
  ASSERT_LE(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    ASSERT_EQ(actual[i].id, expected[i].id) << "token " << i;
    ASSERT_EQ(actual[i].log_prob, expected[i].log_prob) << "token " << i;
    ASSERT_EQ(actual[i].sampled_log_prob, expected[i].sampled_log_prob) << "token " << i;
  }
}

/// Replies of `length` tokens at most that go up by one each time, from any start, and may end from the second token
/// on.
class RisingConstraint : public TokenConstraint {
 public:
  RisingConstraint(std::int64_t vocab_size, int length) : vocab_size_(vocab_size), left_(length) {}
  std::unique_ptr<TokenConstraint> copy() const override { return std::make_unique<RisingConstraint>(*this); }
  void insert_allowed(TokenMask& mask) const override {
    if (left_ == 0) return;
    // Token 0 is left to be the stop id.
    for (std::int32_t id = 1; id < vocab_size_; ++id) {
      if (last_ == 0 || id == last_ % (vocab_size_ - 1) + 1) mask.insert(text::TokenId{id});
    }
  }
  bool may_end() const override { return last_ != 0; }
  void accept(text::TokenId id) override {
    last_ = text::to_int(id);
    --left_;
  }

 private:
  std::int64_t vocab_size_;
  int left_;
  std::int32_t last_ = 0;
};

}  // namespace drover::engine
