#include "openai/server.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <random>
#include <utility>

#include "base/error.h"
#include "base/random_stream.h"
#include "openai/api_error.h"
#include "openai/completion_session.h"
#include "openai/embedding_answer.h"
#include "openai/engine_thread.h"
#include "openai/metrics.h"

namespace drover::openai {
namespace {

using Clock = std::chrono::steady_clock;
using net::HttpExchange;

constexpr const char* kJson = "application/json";

/// Compares in a time that does not tell how much is right.
bool is_same_secret(const std::string& given, const std::string& wanted) {
  unsigned difference = given.size() == wanted.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) difference |= static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(wanted[i % wanted.size()]);
  return difference == 0;
}

/// Whether a page of this origin was loaded from this very machine.
bool is_local_origin(std::string_view origin) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!origin.starts_with(scheme)) continue;
    const auto host = origin.substr(scheme.size());
    for (const std::string_view local : {"127.0.0.1", "localhost", "[::1]"}) {
      if (host == local || (host.starts_with(local) && host[local.size()] == ':')) return true;
    }
  }
  return false;
}

}  // namespace

class Server::Implementation {
 public:
  Implementation(ServedModel model, ServerOptions options)
      : model_(std::move(model)), options_(std::move(options)), seeds_(std::random_device{}(), "served seed"), http_(http_options(options_)) {
    if (model_.model != nullptr) {
      constraints_.emplace(model_.tokenizer);
      engine_.emplace(model_.model, options_.engine);
    }
    http_.set_gate([this](HttpExchange& exchange) { return refuse_stranger(exchange); });
    route("POST", "/v1/chat/completions", [this](HttpExchange& exchange) { complete(exchange, true); });
    route("POST", "/v1/completions", [this](HttpExchange& exchange) { complete(exchange, false); });
    route("POST", "/v1/embeddings", [this](HttpExchange& exchange) { embed(exchange); });
    route("GET", "/v1/models", [this](HttpExchange& exchange) { list_models(exchange); });
    route("GET", "/health", [this](HttpExchange& exchange) { tell_health(exchange); });
    route("GET", "/metrics", [this](HttpExchange& exchange) { tell_metrics(exchange); });
  }

  ~Implementation() { http_.stop(std::chrono::milliseconds(0)); }

  void start() { http_.start(); }
  int port() const { return http_.port(); }
  void stop(std::chrono::milliseconds grace) { http_.stop(grace); }

 private:
  static net::HttpServerOptions http_options(const ServerOptions& options) {
    auto http = options.http;
    http.error_content_type = kJson;
    http.error_body = [](int status, const std::string& sentence) { return api_error_json(status, sentence); };
    return http;
  }

  /// Adds a route whose errors become the protocol's. Answers that are streamed are counted by their session's end.
  void route(const std::string& method, const std::string& path, const std::function<void(HttpExchange&)>& handle) {
    http_.route(method, path, [this, path, handle](HttpExchange& exchange) {
      const auto began = Clock::now();
      int status = 200;
      try {
        handle(exchange);
      } catch (const ApiError& error) {
        status = error.status();
        std::vector<net::HttpHeader> headers;
        if (status == 429) headers.push_back({"Retry-After", "1"});
        exchange.respond(status, kJson, error.json(), headers);
      } catch (const base::UserError& error) {
        status = 400;
        exchange.respond(status, kJson, api_error_json(status, error.what()));
      } catch (const std::exception& error) {
        status = 500;
        exchange.respond(status, kJson, api_error_json(status, "The server failed at this request."));
      }
      metrics_.count_request(path, status, std::chrono::duration<double>(Clock::now() - began).count());
    });
  }

  bool refuse_stranger(HttpExchange& exchange) {
    if (exchange.path() == "/health") return false;
    if (!options_.api_key.empty()) {
      if (is_same_secret(exchange.header("Authorization"), "Bearer " + options_.api_key)) return false;
      exchange.respond(401, kJson, api_error_json(401, "The API key is missing or wrong: send it as \"Authorization: Bearer KEY\"."));
      return true;
    }
    const auto origin = exchange.header("Origin");
    if (origin.empty() || is_local_origin(origin)) return false;
    exchange.respond(403, kJson, api_error_json(403, "Web pages of other origins may not use this server while it has no API key."));
    return true;
  }

  void check_model(const std::string& name) const {
    if (name.empty() || name == model_.name) return;
    throw ApiError(404, fmt::format("There is no model \"{}\" here; the server has \"{}\".", name.substr(0, 100), model_.name), "model");
  }

  void complete(HttpExchange& exchange, bool is_chat) {
    if (!engine_) throw ApiError(400, "The model is an encoder: it makes vectors (/v1/embeddings) and writes nothing.");
    auto request = is_chat ? read_chat_request(exchange.body(), options_.limits) : read_text_request(exchange.body(), options_.limits);
    check_model(request.model);
    if (engine_->engine().statistics().waiting >= options_.max_waiting) throw ApiError(429, "The server has as many requests as it takes; try again later.");
    const auto number = next_number_++;
    if (!request.has_seed) {
      const std::lock_guard lock(seeds_mutex_);
      request.options.seed = seeds_.next_u64();
    }
    const bool streams = request.streams;
    auto session = std::make_shared<CompletionSession>(model_, *constraints_, *engine_, metrics_, std::move(request),
                                                       fmt::format("{}-{:08x}{:06x}", is_chat ? "chatcmpl" : "cmpl", run_id_, number));
    if (!streams) return session->answer(exchange);
    exchange.stream("text/event-stream", [session = std::move(session)](net::BodyWriter& writer) mutable {
      session->stream(writer);
      session.reset();
    });
  }

  void embed(HttpExchange& exchange) {
    if (model_.encoder == nullptr) throw ApiError(400, "The model makes no vectors: serve an encoder for /v1/embeddings.");
    const auto request = read_embedding_request(exchange.body(), options_.limits);
    check_model(request.model);
    const std::lock_guard lock(encoder_mutex_);  // its threads are enough for one request
    exchange.respond(200, kJson, embedding_answer(request, *model_.encoder, model_.name));
  }

  void list_models(HttpExchange& exchange) const {
    chat::Json entry = {{"id", model_.name}, {"object", "model"}, {"created", 0}, {"owned_by", "drover"}};
    if (model_.model != nullptr) entry["max_model_len"] = model_.model->max_positions();
    exchange.respond(200, kJson, chat::Json{{"object", "list"}, {"data", chat::Json::array({std::move(entry)})}}.dump());
  }

  void tell_health(HttpExchange& exchange) const {
    const bool is_well = !engine_ || engine_->failure().empty();
    exchange.respond(is_well ? 200 : 503, kJson, is_well ? R"({"status": "ok"})" : api_error_json(503, "The engine has stopped."));
  }

  void tell_metrics(HttpExchange& exchange) const {
    std::optional<engine::EngineStatistics> statistics;
    if (engine_) statistics = engine_->engine().statistics();
    exchange.respond(200, "text/plain; version=0.0.4", metrics_.text(statistics ? &*statistics : nullptr, http_.num_connections()));
  }

  ServedModel model_;
  ServerOptions options_;
  Metrics metrics_;
  std::optional<ReplyConstraints> constraints_;
  std::optional<EngineThread> engine_;
  std::mutex encoder_mutex_;
  std::mutex seeds_mutex_;
  base::RandomStream seeds_;  // for requests without one
  std::atomic<std::uint32_t> next_number_ = 0;
  const std::uint32_t run_id_ = std::random_device{}();
  net::HttpServer http_;  // last: its threads use all of the above
};

Server::Server(ServedModel model, ServerOptions options) : implementation_(std::make_unique<Implementation>(std::move(model), std::move(options))) {}
Server::~Server() = default;
void Server::start() { implementation_->start(); }
int Server::port() const { return implementation_->port(); }
void Server::stop(std::chrono::milliseconds grace) { implementation_->stop(grace); }

}  // namespace drover::openai
