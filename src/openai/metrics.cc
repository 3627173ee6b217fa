#include "openai/metrics.h"

#include <fmt/format.h>

#include <iterator>

namespace drover::openai {
namespace {

template <typename Number>
void write_number(std::string& out, std::string_view name, std::string_view type, std::string_view help, Number value) {
  fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} {2}\n{0} {3}\n", name, help, type, value);
}

}  // namespace

void LatencyHistogram::add(double seconds) {
  std::size_t bucket = 0;
  while (bucket < kBounds.size() && seconds > kBounds[bucket]) ++bucket;
  ++counts_[bucket];
  sum_ += seconds;
}

void LatencyHistogram::write(std::string& out, std::string_view name, std::string_view help) const {
  const auto append = std::back_inserter(out);
  fmt::format_to(append, "# HELP {0} {1}\n# TYPE {0} histogram\n", name, help);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < kBounds.size(); ++i) {
    below += counts_[i];
    fmt::format_to(append, "{}_bucket{{le=\"{}\"}} {}\n", name, kBounds[i], below);
  }
  below += counts_.back();
  fmt::format_to(append, "{0}_bucket{{le=\"+Inf\"}} {1}\n{0}_sum {2}\n{0}_count {1}\n", name, below, sum_);
}

void Metrics::count_request(std::string_view path, int status, double seconds) {
  const std::lock_guard lock(mutex_);
  ++requests_[{std::string(path), status}];
  request_seconds_.add(seconds);
}

void Metrics::count_first_token(double seconds) {
  const std::lock_guard lock(mutex_);
  first_token_seconds_.add(seconds);
}

void Metrics::count_tokens(std::int64_t prompt, std::int64_t completion) {
  const std::lock_guard lock(mutex_);
  prompt_tokens_ += static_cast<std::uint64_t>(prompt);
  completion_tokens_ += static_cast<std::uint64_t>(completion);
}

void Metrics::count_vanished_client() {
  const std::lock_guard lock(mutex_);
  ++vanished_;
}

std::string Metrics::text(const engine::EngineStatistics* statistics, int num_connections) const {
  const std::lock_guard lock(mutex_);
  std::string out = "# HELP drover_requests_total Answered requests.\n# TYPE drover_requests_total counter\n";
  for (const auto& [key, count] : requests_) {
    fmt::format_to(std::back_inserter(out), "drover_requests_total{{path=\"{}\",status=\"{}\"}} {}\n", key.first, key.second, count);
  }
  write_number(out, "drover_prompt_tokens_total", "counter", "Tokens of prompts.", prompt_tokens_);
  write_number(out, "drover_completion_tokens_total", "counter", "Tokens of replies.", completion_tokens_);
  write_number(out, "drover_vanished_clients_total", "counter", "Clients that left before their answer.", vanished_);
  write_number(out, "drover_connections", "gauge", "Open connections.", num_connections);
  if (statistics != nullptr) {
    write_number(out, "drover_sequences_waiting", "gauge", "Samples that wait for pages.", statistics->waiting);
    write_number(out, "drover_sequences_running", "gauge", "Samples that are computed.", statistics->running);
    write_number(out, "drover_pages", "gauge", "Pages that the memory holds.", statistics->pages);
    write_number(out, "drover_pages_in_use", "gauge", "Pages that requests hold.", statistics->pages_in_use);
    write_number(out, "drover_pages_cached", "gauge", "Pages kept for later prompts.", statistics->pages_cached);
    write_number(out, "drover_cached_prompt_tokens_total", "counter", "Tokens of prompts that were found in pages.", statistics->cached_tokens);
    write_number(out, "drover_sampled_tokens_total", "counter", "Tokens that were sampled, those of cancelled replies included.", statistics->new_tokens);
    write_number(out, "drover_engine_steps_total", "counter", "Steps of the engine.", statistics->steps);
    write_number(out, "drover_engine_seconds_total", "counter", "Time in steps of the engine.", statistics->seconds);
  }
  request_seconds_.write(out, "drover_request_seconds", "Time from a request to the end of its answer.");
  first_token_seconds_.write(out, "drover_first_token_seconds", "Time from a request to its first token.");
  return out;
}

}  // namespace drover::openai
