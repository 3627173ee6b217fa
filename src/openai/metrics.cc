#include "openai/metrics.h"

#include <fmt/format.h>

#include <iterator>

namespace drover::openai {
namespace {

void write_head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

/// A label's value as the format quotes it.
std::string quoted(std::string_view value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + '"';
}

/// One number of each engine.
template <typename Number>
void write_engines(std::string& out, std::span<const EngineReport> engines, std::string_view name, std::string_view type, std::string_view help,
                   Number engine::EngineStatistics::*number) {
  if (engines.empty()) return;
  write_head(out, name, type, help);
  for (const auto& engine : engines) fmt::format_to(std::back_inserter(out), "{}{{model={}}} {}\n", name, quoted(engine.model), engine.statistics.*number);
}

}  // namespace

void LatencyHistogram::add(double seconds) {
  std::size_t bucket = 0;
  while (bucket < kBounds.size() && seconds > kBounds[bucket]) ++bucket;
  ++counts_[bucket];
  sum_ += seconds;
}

void LatencyHistogram::write(std::string& out, std::string_view name, std::string_view model) const {
  const auto append = std::back_inserter(out);
  const auto label = quoted(model);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < kBounds.size(); ++i) {
    below += counts_[i];
    fmt::format_to(append, "{}_bucket{{model={},le=\"{}\"}} {}\n", name, label, kBounds[i], below);
  }
  below += counts_.back();
  fmt::format_to(append, "{0}_bucket{{model={1},le=\"+Inf\"}} {2}\n{0}_sum{{model={1}}} {3}\n{0}_count{{model={1}}} {2}\n", name, label, below, sum_);
}

void Metrics::add_model(const std::string& name) {
  const std::lock_guard lock(mutex_);
  models_[name];
}

void Metrics::count_request(const std::string& path, const std::string& model, int status, double seconds) {
  const std::lock_guard lock(mutex_);
  ++requests_[{model, path, status}];
  models_[model].request_seconds.add(seconds);
}

void Metrics::count_first_token(const std::string& model, double seconds) {
  const std::lock_guard lock(mutex_);
  models_[model].first_token_seconds.add(seconds);
}

void Metrics::count_tokens(const std::string& model, std::int64_t prompt, std::int64_t completion) {
  const std::lock_guard lock(mutex_);
  models_[model].prompt_tokens += static_cast<std::uint64_t>(prompt);
  models_[model].completion_tokens += static_cast<std::uint64_t>(completion);
}

void Metrics::count_vanished_client(const std::string& model) {
  const std::lock_guard lock(mutex_);
  ++models_[model].vanished;
}

std::string Metrics::text(std::span<const EngineReport> engines, int num_connections) const {
  const std::lock_guard lock(mutex_);
  std::string out;
  write_head(out, "drover_requests_total", "counter", "Answered requests.");
  for (const auto& [key, count] : requests_) {
    const auto& [model, path, status] = key;
    fmt::format_to(std::back_inserter(out), "drover_requests_total{{model={},path={},status=\"{}\"}} {}\n", quoted(model), quoted(path), status, count);
  }
  const auto write_counts = [&](std::string_view name, std::string_view help, std::uint64_t OfModel::*count) {
    write_head(out, name, "counter", help);
    for (const auto& [model, counts] : models_) {
      if (!model.empty()) fmt::format_to(std::back_inserter(out), "{}{{model={}}} {}\n", name, quoted(model), counts.*count);
    }
  };
  write_counts("drover_prompt_tokens_total", "Tokens of prompts.", &OfModel::prompt_tokens);
  write_counts("drover_completion_tokens_total", "Tokens of replies.", &OfModel::completion_tokens);
  write_counts("drover_vanished_clients_total", "Clients that left before their answer.", &OfModel::vanished);
  write_head(out, "drover_connections", "gauge", "Open connections.");
  fmt::format_to(std::back_inserter(out), "drover_connections {}\n", num_connections);
  using Statistics = engine::EngineStatistics;
  write_engines(out, engines, "drover_sequences_waiting", "gauge", "Samples that wait for pages.", &Statistics::waiting);
  write_engines(out, engines, "drover_sequences_running", "gauge", "Samples that are computed.", &Statistics::running);
  write_engines(out, engines, "drover_pages", "gauge", "Pages that the memory holds, were it the model's alone.", &Statistics::pages);
  write_engines(out, engines, "drover_pages_in_use", "gauge", "Pages that requests hold.", &Statistics::pages_in_use);
  write_engines(out, engines, "drover_pages_cached", "gauge", "Pages kept for later prompts.", &Statistics::pages_cached);
  write_engines(out, engines, "drover_cached_prompt_tokens_total", "counter", "Tokens of prompts that were found in pages.", &Statistics::cached_tokens);
  write_engines(out, engines, "drover_sampled_tokens_total", "counter", "Tokens that were sampled, those of cancelled replies included.", &Statistics::new_tokens);
  write_engines(out, engines, "drover_engine_steps_total", "counter", "Steps of the engine.", &Statistics::steps);
  write_engines(out, engines, "drover_engine_seconds_total", "counter", "Time in steps of the engine.", &Statistics::seconds);
  write_head(out, "drover_request_seconds", "histogram", "Time from a request to the end of its answer.");
  for (const auto& [model, counts] : models_) counts.request_seconds.write(out, "drover_request_seconds", model);
  write_head(out, "drover_first_token_seconds", "histogram", "Time from a request to its first token.");
  for (const auto& [model, counts] : models_) {
    if (!model.empty()) counts.first_token_seconds.write(out, "drover_first_token_seconds", model);
  }
  return out;
}

}  // namespace drover::openai
