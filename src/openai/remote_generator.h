#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "chat/chat_format.h"
#include "generate/generator.h"
#include "text/tokenizer.h"

namespace drover::openai {

/// A server that speaks OpenAI's protocol: vLLM, SGLang, llama-server, `drover serve`, or one across the network.
struct RemoteEndpoint {
  std::string url;                  ///< up to the version: "http://127.0.0.1:8000/v1"
  std::string model = {};           ///< its name there; empty: the first that the server lists
  std::string key_variable = {};    ///< environment variable that holds the key; empty: none is sent
  std::int64_t max_in_flight = 64;  ///< requests at once
};

struct RemoteOptions {
  std::vector<RemoteEndpoint> endpoints = {};              ///< all serve the same model
  std::shared_ptr<const text::Tokenizer> tokenizer = {};   ///< the model's, where it is at hand; else token ids come from the server alone
  std::shared_ptr<const chat::ChatFormat> format = {};     ///< reads replies from their ids; without it calls are what the server says
  bool render_here = false;            ///< dialogs become token ids here, with `format`, and go to /completions
  std::int64_t choices_per_request = 8;  ///< largest `n` of one request
  std::int64_t max_attempts = 8;       ///< failures in a row after which a request has failed, or an endpoint counts as dead
  std::chrono::milliseconds timeout{600'000};        ///< of one request
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds first_delay{500};        ///< before the second attempt; doubles with each further one, less up to half at random
  std::chrono::milliseconds max_delay{60'000};       ///< longest delay; also the most that a Retry-After is obeyed

  /// Throws UserError that names the field.
  void validate() const;
};

/// Answers prompts through servers. Requests are spread over the endpoints, up to `max_in_flight` each, and tried again elsewhere or
/// later when a server is busy (429), fails (5xx), is silent or gone; `Retry-After` is obeyed. A reply is handed out exactly once.
///
/// What is recorded: `ids` where the server gives them ("token_ids", or tokens spelled "token_id:123"); else those of the tokenizer, when
/// they spell the server's tokens one by one, or, without such a list, when they decode to the very text; else none. Ids that were found
/// by the tokenizer lack the stop id. `log_probs` are the server's, when there is one for each id; `sampled_log_probs` equal them when
/// temperature is 1 and nothing else shapes the distribution, else they are empty. A stop string that a server does not tell from a
/// terminator counts as a stop string. on_token is called once a reply, with its whole text; it cannot end a reply.
///
/// The seed of a request is derived from `seed` and the number of its first sample: samples are different ones, and the same again only
/// where the server keeps such a promise.
///
/// A request some of whose replies no attempt brought goes to on_failure, once; its other replies are there. Without on_failure the call
/// throws when all others are there. Throws SurroundingsError with the last reason when all endpoints are dead. No key is ever in a
/// message.
std::unique_ptr<generate::Generator> make_remote_generator(RemoteOptions options);

}  // namespace drover::openai
