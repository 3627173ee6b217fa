#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/random_stream.h"
#include "openai/remote_generator.h"
#include "openai/remote_request.h"

namespace drover::openai {

using Clock = std::chrono::steady_clock;

/// A server and what is known of it.
struct EndpointState {
  RemoteEndpoint endpoint;
  std::string key;  ///< never shown
  std::string model;
  RemoteAbilities abilities = {};
  std::int64_t in_flight = 0;
  std::int64_t failures = 0;          ///< rests in a row without a success between
  Clock::time_point rests_until = {};
  std::string last_failure = {};
  bool is_dead = false;
};

/// Chooses where requests go: the least busy endpoint that is neither resting nor dead.
class EndpointPool {
 public:
  /// Reads the keys. Throws UserError for a variable that is not set.
  explicit EndpointPool(const RemoteOptions& options);

  /// An endpoint with room for one more request, other than `avoided` where there is a choice.
  std::optional<std::size_t> choose(Clock::time_point now, std::optional<std::size_t> avoided) const;
  /// When the first resting endpoint is ready again, if one rests.
  std::optional<Clock::time_point> next_ready(Clock::time_point now) const;

  EndpointState& operator[](std::size_t index) { return endpoints_[index]; }
  std::size_t size() const { return endpoints_.size(); }

  void note_success(std::size_t index) { endpoints_[index].failures = 0; }
  /// The endpoint rests, for as long as it asked or for longer with each failure in a row; after max_attempts of them it is dead. Requests
  /// that fail while it rests already count once.
  void note_failure(std::size_t index, const std::string& reason, std::optional<std::chrono::milliseconds> asked);
  void note_death(std::size_t index, const std::string& reason);
  bool all_dead() const;
  /// "http://...: Connection refused" of the endpoint that died last.
  const std::string& last_death() const { return last_death_; }
  /// Begins anew: a dead server may have been started again.
  void revive();

  /// How long to wait before attempt `attempt` (from 1).
  std::chrono::milliseconds delay(std::int64_t attempt);
  /// The text without any key.
  std::string without_keys(std::string text) const;

 private:
  const RemoteOptions& options_;
  std::vector<EndpointState> endpoints_;
  base::RandomStream chance_;
  std::string last_death_;
};

}  // namespace drover::openai
