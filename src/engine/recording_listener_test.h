#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "engine/engine.h"

namespace drover::engine {

/// Notes all that a request produces, and that calls come in the order that Listener promises.
class RecordingListener : public Listener {
 public:
  void on_top(std::int64_t sample, std::span<const RankedToken> top) override {
    EXPECT_FALSE(is_over);
    EXPECT_EQ(tops[sample].size(), samples[sample].size()) << "not the next token's";
    tops[sample].emplace_back(top.begin(), top.end());
  }
  bool on_token(std::int64_t sample, const SampledToken& token) override {
    EXPECT_FALSE(is_over);
    EXPECT_FALSE(ends.contains(sample)) << "a token after the end of sample " << sample;
    samples[sample].push_back(token);
    return !when_token || when_token(sample, static_cast<std::int64_t>(samples[sample].size()));
  }
  void on_sample_end(std::int64_t sample, SampleEnd end) override {
    EXPECT_FALSE(is_over);
    EXPECT_TRUE(ends.emplace(sample, end).second) << "sample " << sample << " ended twice";
  }
  void on_output(std::int64_t position, std::span<const float> output) override {
    EXPECT_FALSE(is_over);
    if (!outputs.empty()) {
      EXPECT_EQ(position, outputs.rbegin()->first + 1);
    }
    outputs[position].assign(output.begin(), output.end());
    if (when_output) when_output(position);
  }
  void on_end(std::exception_ptr the_failure) override {
    EXPECT_FALSE(is_over) << "a second end";
    is_over = true;
    failure = the_failure;
    if (when_over) when_over();
  }

  std::string failure_text() const {
    if (!failure) return "";
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      return error.what();
    }
  }

  std::map<std::int64_t, std::vector<SampledToken>> samples;
  std::map<std::int64_t, std::vector<std::vector<RankedToken>>> tops;
  std::map<std::int64_t, SampleEnd> ends;
  std::map<std::int64_t, std::vector<float>> outputs;
  bool is_over = false;
  std::exception_ptr failure;

  std::function<bool(std::int64_t sample, std::int64_t num_tokens)> when_token;
  std::function<void(std::int64_t position)> when_output;
  std::function<void()> when_over;
};

}  // namespace drover::engine
