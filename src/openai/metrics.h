#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

#include "engine/engine.h"

namespace drover::openai {

/// How many values lie below fixed bounds, as Prometheus counts.
class LatencyHistogram {
 public:
  static constexpr std::array<double, 14> kBounds = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300};  // seconds

  void add(double seconds);
  /// The lines of one model.
  void write(std::string& out, std::string_view name, std::string_view model) const;

 private:
  std::array<std::uint64_t, kBounds.size() + 1> counts_{};
  double sum_ = 0;
};

/// What one model's engine has done.
struct EngineReport {
  std::string model;
  engine::EngineStatistics statistics;
};

/// What a server has done, for each model, in the text format that Prometheus reads (exposition format 0.0.4). Requests that concern no
/// model have an empty one. Safe to use from many threads.
class Metrics {
 public:
  /// The model's numbers are told from now on, be they 0.
  void add_model(const std::string& name);
  void count_request(const std::string& path, const std::string& model, int status, double seconds);
  void count_first_token(const std::string& model, double seconds);
  void count_tokens(const std::string& model, std::int64_t prompt, std::int64_t completion);
  void count_vanished_client(const std::string& model);

  std::string text(std::span<const EngineReport> engines, int num_connections) const;

 private:
  struct OfModel {
    LatencyHistogram request_seconds;
    LatencyHistogram first_token_seconds;
    std::uint64_t prompt_tokens = 0;
    std::uint64_t completion_tokens = 0;
    std::uint64_t vanished = 0;
  };

  mutable std::mutex mutex_;
  std::map<std::tuple<std::string, std::string, int>, std::uint64_t> requests_;  // by model, path and status
  std::map<std::string, OfModel> models_;
};

}  // namespace drover::openai
