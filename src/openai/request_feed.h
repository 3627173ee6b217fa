#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace drover::openai {

/// Something that happened to one choice of a request.
struct FeedEvent {
  enum class Kind { kToken, kEnd };
  Kind kind = Kind::kToken;
  std::int64_t choice = 0;
  engine::SampledToken token = {};                        ///< kToken
  engine::SampleEnd end = engine::SampleEnd::kCancelled;  ///< kEnd
};

/// Carries events from the engine's thread to the thread of one request's client. Bounded: the engine never waits for a client; when
/// too much piles up, the request ends.
class RequestFeed {
 public:
  RequestFeed(std::int64_t num_choices, std::size_t capacity);

  // The engine's side.
  /// False: the choice shall end.
  bool push_token(std::int64_t choice, const engine::SampledToken& token);
  void push_end(std::int64_t choice, engine::SampleEnd end);
  void fail(const std::string& reason);

  // The client's side.
  /// What has come since, after waiting for something if there was nothing; empty when the time is over.
  std::vector<FeedEvent> take(std::chrono::milliseconds at_most);
  /// The choice shall get no more tokens.
  void end_choice(std::int64_t choice);
  /// No choice shall.
  void close();
  /// Why the request failed; empty while it has not.
  std::string failure() const;

 private:
  const std::size_t capacity_;
  std::unique_ptr<std::atomic<bool>[]> ended_;
  const std::int64_t num_choices_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<FeedEvent> events_;
  std::string failure_;
};

/// The listener of the samples that are choices `first_choice` and following.
std::shared_ptr<engine::Listener> feed_listener(std::shared_ptr<RequestFeed> feed, std::int64_t first_choice);

}  // namespace drover::openai
