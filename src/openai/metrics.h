#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "engine/engine.h"

namespace drover::openai {

/// How many values lie below fixed bounds, as Prometheus counts.
class LatencyHistogram {
 public:
  static constexpr std::array<double, 14> kBounds = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300};  // seconds

  void add(double seconds);
  void write(std::string& out, std::string_view name, std::string_view help) const;

 private:
  std::array<std::uint64_t, kBounds.size() + 1> counts_{};
  double sum_ = 0;
};

/// What a server has done, in the text format that Prometheus reads (exposition format 0.0.4). Safe to use from many threads.
class Metrics {
 public:
  void count_request(std::string_view path, int status, double seconds);
  void count_first_token(double seconds);
  void count_tokens(std::int64_t prompt, std::int64_t completion);
  void count_vanished_client();

  /// `statistics` may be null.
  std::string text(const engine::EngineStatistics* statistics, int num_connections) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::uint64_t> requests_;
  LatencyHistogram request_seconds_;
  LatencyHistogram first_token_seconds_;
  std::uint64_t prompt_tokens_ = 0;
  std::uint64_t completion_tokens_ = 0;
  std::uint64_t vanished_ = 0;
};

}  // namespace drover::openai
