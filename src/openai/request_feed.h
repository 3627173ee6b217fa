#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "openai/token_run.h"

namespace drover::openai {

/// What one choice of a request has got since the last look.
struct ChoiceNews {
  std::int64_t choice = 0;
  TokenRun run = {};
  std::optional<engine::SampleEnd> end = {};  ///< after these tokens
};

/// Carries tokens from the engine's thread to the thread of one request's client. The engine never waits for a client, and a client that
/// is slow loses nothing: what piles up are the numbers of the tokens that the request asked for, so its own limits (choices times
/// max_tokens, 12 bytes each and 8 for each of the most probable) bound it. Text is made of them when the client is ready for it.
class RequestFeed {
 public:
  explicit RequestFeed(std::int64_t num_choices);

  // The engine's side.
  /// False: the choice shall end.
  bool push_token(std::int64_t choice, const engine::SampledToken& token, std::span<const engine::RankedToken> top = {});
  void push_end(std::int64_t choice, engine::SampleEnd end);
  void fail(const std::string& reason);

  // The client's side.
  /// What has come since, choices in the order of their first news, after waiting for something if there was nothing; empty when the
  /// time is over.
  std::vector<ChoiceNews> take(std::chrono::milliseconds at_most);
  /// The choice shall get no more tokens.
  void end_choice(std::int64_t choice);
  /// No choice shall.
  void close();
  /// Why the request failed; empty while it has not.
  std::string failure() const;

 private:
  ChoiceNews& news_of(std::int64_t choice);

  std::unique_ptr<std::atomic<bool>[]> ended_;
  const std::int64_t num_choices_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ChoiceNews> news_;     // of choices that have any
  std::vector<std::size_t> places_;  // of each choice in news_, plus one; 0: none
  std::string failure_;
};

/// The listener of the samples that are choices `first_choice` and following.
std::shared_ptr<engine::Listener> feed_listener(std::shared_ptr<RequestFeed> feed, std::int64_t first_choice);

}  // namespace drover::openai
