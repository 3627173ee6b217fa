#include "openai/endpoint_pool.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "net/http_message.h"

namespace drover::openai {
namespace {

std::string key_of(const RemoteEndpoint& endpoint) {
  if (endpoint.key_variable.empty()) return {};
  const char* key = std::getenv(endpoint.key_variable.c_str());
  if (key == nullptr || *key == '\0') {
    throw base::UserError("The environment variable {} that holds the key of {} is not set.", endpoint.key_variable, net::shown_url(endpoint.url));
  }
  const std::string value(key);
  if (value.find_first_of("\r\n") != std::string::npos) {
    throw base::UserError("The environment variable {} holds a line break, which no key has.", endpoint.key_variable);
  }
  return value;
}

/// Times of waiting must differ between processes, so this is the one place where chance does not come from a seed.
std::uint64_t seed_of_process() {
  return static_cast<std::uint64_t>(getpid()) ^ static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
}

}  // namespace

EndpointPool::EndpointPool(const RemoteOptions& options) : options_(options), chance_(seed_of_process(), "remote delay") {
  for (const auto& endpoint : options.endpoints) {
    endpoints_.push_back({.endpoint = endpoint, .key = key_of(endpoint), .model = endpoint.model});
    auto& url = endpoints_.back().endpoint.url;
    while (url.ends_with('/')) url.pop_back();
  }
}

std::optional<std::size_t> EndpointPool::choose(Clock::time_point now, std::optional<std::size_t> avoided) const {
  std::optional<std::size_t> best;
  const auto busyness = [this, avoided](std::size_t index) {
    const auto& state = endpoints_[index];
    return static_cast<double>(state.in_flight) / static_cast<double>(state.endpoint.max_in_flight) + (avoided == index ? 2.0 : 0.0);
  };
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    const auto& state = endpoints_[i];
    if (state.is_dead || state.rests_until > now || state.in_flight >= state.endpoint.max_in_flight) continue;
    if (!best || busyness(i) < busyness(*best)) best = i;
  }
  return best;
}

std::optional<Clock::time_point> EndpointPool::next_ready(Clock::time_point now) const {
  std::optional<Clock::time_point> first;
  for (const auto& state : endpoints_) {
    if (!state.is_dead && state.rests_until > now && (!first || state.rests_until < *first)) first = state.rests_until;
  }
  return first;
}

void EndpointPool::note_failure(std::size_t index, const std::string& reason, std::optional<std::chrono::milliseconds> asked) {
  auto& state = endpoints_[index];
  state.last_failure = reason;
  const auto now = Clock::now();
  const bool counted = state.rests_until > now;
  if (!counted) ++state.failures;
  if (state.failures >= options_.max_attempts) return note_death(index, reason);
  const auto wait = asked ? std::min(*asked, options_.max_delay) : delay(state.failures);
  if (!counted || asked) state.rests_until = std::max(state.rests_until, now + wait);
}

void EndpointPool::note_death(std::size_t index, const std::string& reason) {
  auto& state = endpoints_[index];
  state.is_dead = true;
  last_death_ = fmt::format("{}: {}", net::shown_url(state.endpoint.url), reason);
}

bool EndpointPool::all_dead() const {
  return std::all_of(endpoints_.begin(), endpoints_.end(), [](const auto& state) { return state.is_dead; });
}

void EndpointPool::revive() {
  for (auto& state : endpoints_) {
    state.is_dead = false;
    state.failures = 0;
    state.rests_until = {};
  }
}

std::chrono::milliseconds EndpointPool::delay(std::int64_t attempt) {
  auto wait = static_cast<double>(options_.first_delay.count());
  for (std::int64_t i = 1; i < attempt && wait < static_cast<double>(options_.max_delay.count()); ++i) wait *= 2;
  wait = std::min(wait, static_cast<double>(options_.max_delay.count()));
  return std::chrono::milliseconds(static_cast<std::int64_t>(wait * (1 - chance_.uniform() / 2)));
}

std::string EndpointPool::without_keys(std::string text) const {
  for (const auto& state : endpoints_) {
    if (state.key.empty()) continue;
    for (auto at = text.find(state.key); at != std::string::npos; at = text.find(state.key, at)) text.replace(at, state.key.size(), "(key)");
  }
  return text;
}

}  // namespace drover::openai
