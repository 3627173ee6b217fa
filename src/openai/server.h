#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "net/http_server.h"
#include "openai/completion_request.h"
#include "openai/served_model.h"

namespace drover::openai {

struct ServerOptions {
  net::HttpServerOptions http = {};      ///< its error texts are replaced by the protocol's
  std::string api_key = {};              ///< what clients must send as "Authorization: Bearer ..."; empty: nothing
  RequestLimits limits = {};
  std::int64_t max_waiting = 4096;       ///< samples that may wait for pages; more are answered with 429
  engine::EngineOptions engine = {};     ///< of each model; memory_bytes are for all together
};

/// Serves models over OpenAI's protocol: /v1/chat/completions, /v1/completions, /v1/embeddings (encoders), /v1/models, /health and
/// /metrics. A request names its model; it may leave the name out where there is only one. Each model that writes has an engine and a
/// thread that steps it, all under one memory budget for keys and values, and they compute in turns. Each connection has a thread of its
/// own, and between the two lies a queue a request: a client that is slow or gone stalls nobody, and one that is gone is cancelled.
///
/// min_tokens holds back stop strings as it does stop tokens (vLLM's rule): one counts from the token after the first min_tokens on.
///
/// Prompts of /v1/completions are plain text: what spells a control token is not one; give token ids for these. Beside the protocol's
/// fields: top_k, min_p, repetition_penalty, min_tokens, stop_token_ids, ignore_eos, return_token_ids, return_tokens_as_token_ids (as
/// vLLM has them), core_tools and today (as in drover's dialogs).
///
/// Without a key, requests that a web page of another origin sends are refused, so that no page in a browser can use a local server.
class Server {
 public:
  /// Throws UserError where there are no models, or two of one name.
  Server(std::vector<ServedModel> models, ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Begins to listen. Throws SurroundingsError when the address cannot be had.
  void start();
  int port() const;
  /// Lets answers that are under way go on for `grace`.
  void stop(std::chrono::milliseconds grace);

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace drover::openai
