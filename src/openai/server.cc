#include "openai/server.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <random>
#include <utility>

#include "base/error.h"
#include "base/random_stream.h"
#include "engine/memory_budget.h"
#include "openai/api_error.h"
#include "openai/completion_session.h"
#include "openai/embedding_answer.h"
#include "openai/engine_thread.h"
#include "openai/metrics.h"
#include "openai/request_count.h"
#include "openai/turns.h"

namespace drover::openai {
namespace {

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

/// A model and what it needs to answer.
struct Resident {
  explicit Resident(ServedModel model) : served(std::move(model)) {}

  ServedModel served;
  std::optional<ReplyConstraints> constraints = {};  // of a model that writes, as the engine
  std::optional<EngineThread> engine = {};
};

}  // namespace

class Server::Implementation {
 public:
  Implementation(std::vector<ServedModel> models, ServerOptions options)
      : options_(std::move(options)), seeds_(std::random_device{}(), "served seed"), http_(http_options(options_)) {
    if (models.empty()) throw base::UserError("There is no model to serve.");
    if (models.size() > 1) options_.engine.budget = std::make_shared<engine::MemoryBudget>(options_.engine.memory_bytes);
    for (auto& model : models) take_in(std::move(model));
    http_.set_gate([this](HttpExchange& exchange) { return refuse_stranger(exchange); });
    route("POST", "/v1/chat/completions", [this](HttpExchange& exchange, const Count& count) { complete(exchange, count, true); });
    route("POST", "/v1/completions", [this](HttpExchange& exchange, const Count& count) { complete(exchange, count, false); });
    route("POST", "/v1/embeddings", [this](HttpExchange& exchange, const Count& count) { embed(exchange, *count); });
    route("GET", "/v1/models", [this](HttpExchange& exchange, const Count&) { list_models(exchange); });
    route("GET", "/health", [this](HttpExchange& exchange, const Count&) { tell_health(exchange); });
    route("GET", "/metrics", [this](HttpExchange& exchange, const Count&) { tell_metrics(exchange); });
  }

  ~Implementation() { http_.stop(std::chrono::milliseconds(0)); }

  void start() { http_.start(); }
  int port() const { return http_.port(); }
  void stop(std::chrono::milliseconds grace) { http_.stop(grace); }

 private:
  using Count = std::shared_ptr<RequestCount>;

  void take_in(ServedModel model) {
    for (const auto& other : residents_) {
      if (other->served.name == model.name) throw base::UserError("Two models are called \"{}\": give each a name of its own (--name).", model.name);
    }
    metrics_.add_model(model.name);
    auto resident = std::make_unique<Resident>(std::move(model));
    if (resident->served.model != nullptr) {
      resident->constraints.emplace(resident->served.tokenizer);
      resident->engine.emplace(resident->served.model, options_.engine, turns_);
    }
    route("GET", "/v1/models/" + resident->served.name, [&model = resident->served](HttpExchange& exchange, const Count&) {
      exchange.respond(200, kJson, description_of(model).dump());
    });
    residents_.push_back(std::move(resident));
  }

  static net::HttpServerOptions http_options(const ServerOptions& options) {
    auto http = options.http;
    http.error_content_type = kJson;
    http.error_body = [](int status, const std::string& sentence) { return api_error_json(status, sentence); };
    return http;
  }

  /// Adds a route whose errors become the protocol's. An answer that is streamed counts when its stream lets the count go.
  void route(const std::string& method, const std::string& path, const std::function<void(HttpExchange&, const Count&)>& handle) {
    http_.route(method, path, [this, path, handle](HttpExchange& exchange) {
      const auto count = std::make_shared<RequestCount>(metrics_, path);
      const auto refuse = [&](int status, const std::string& json, const std::vector<net::HttpHeader>& headers = {}) {
        count->status = status;
        exchange.respond(status, kJson, json, headers);
      };
      try {
        handle(exchange, count);
      } catch (const ApiError& error) {
        std::vector<net::HttpHeader> headers;
        if (error.status() == 429) headers.push_back({"Retry-After", "1"});
        refuse(error.status(), error.json(), headers);
      } catch (const base::UserError& error) {
        refuse(400, api_error_json(400, error.what()));
      } catch (const std::exception&) {
        refuse(500, api_error_json(500, "The server failed at this request."));
      }
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

  Resident& resident_of(const std::string& name, RequestCount& count) {
    if (name.empty() && residents_.size() > 1) throw ApiError(400, fmt::format("\"model\" is missing; the server has {}.", names()), "model");
    for (const auto& resident : residents_) {
      if (!name.empty() && name != resident->served.name) continue;
      count.model = resident->served.name;
      return *resident;
    }
    throw ApiError(404, fmt::format("The model \"{}\" does not exist here; the server has {}.", name.substr(0, 100), names()), "", "model_not_found");
  }

  std::string names() const {
    std::string names;
    for (const auto& resident : residents_) names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", resident->served.name);
    return names;
  }

  void complete(HttpExchange& exchange, const Count& count, bool is_chat) {
    auto request = is_chat ? read_chat_request(exchange.body(), options_.limits) : read_text_request(exchange.body(), options_.limits);
    auto& resident = resident_of(request.model, *count);
    if (!resident.engine) throw ApiError(400, "The model is an encoder: it makes vectors (/v1/embeddings) and writes nothing.");
    if (num_waiting() >= options_.max_waiting) throw ApiError(429, "The server has as many requests as it takes; try again later.");
    const auto number = next_number_++;
    if (!request.has_seed) {
      const std::lock_guard lock(seeds_mutex_);
      request.options.seed = seeds_.next_u64();
    }
    const bool streams = request.streams;
    auto session = std::make_shared<CompletionSession>(resident.served, *resident.constraints, *resident.engine, metrics_, std::move(request),
                                                       fmt::format("{}-{:08x}{:06x}", is_chat ? "chatcmpl" : "cmpl", run_id_, number));
    if (!streams) return session->answer(exchange);
    exchange.stream("text/event-stream", [session = std::move(session), count = count](net::BodyWriter& writer) mutable {
      session->stream(writer);
      session.reset();
      count.reset();
    });
  }

  std::int64_t num_waiting() const {
    std::int64_t waiting = 0;
    for (const auto& resident : residents_) {
      if (resident->engine) waiting += resident->engine->engine().statistics().waiting;
    }
    return waiting;
  }

  void embed(HttpExchange& exchange, RequestCount& count) {
    const auto request = read_embedding_request(exchange.body(), options_.limits);
    const auto& served = resident_of(request.model, count).served;
    if (served.encoder == nullptr) throw ApiError(400, "The model makes no vectors: serve an encoder for /v1/embeddings.");
    exchange.respond(200, kJson, embedding_answer(request, *served.encoder, served.name, turns_));
  }

  static chat::Json description_of(const ServedModel& model) {
    chat::Json entry = {{"id", model.name}, {"object", "model"}, {"created", 0}, {"owned_by", "drover"}};
    if (model.model != nullptr) entry["max_model_len"] = model.model->max_positions();
    return entry;
  }

  void list_models(HttpExchange& exchange) const {
    chat::Json data = chat::Json::array();
    for (const auto& resident : residents_) data.push_back(description_of(resident->served));
    exchange.respond(200, kJson, chat::Json{{"object", "list"}, {"data", std::move(data)}}.dump());
  }

  void tell_health(HttpExchange& exchange) const {
    const bool is_well = std::all_of(residents_.begin(), residents_.end(), [](const auto& resident) { return !resident->engine || resident->engine->failure().empty(); });
    exchange.respond(is_well ? 200 : 503, kJson, is_well ? R"({"status": "ok"})" : api_error_json(503, "The engine has stopped."));
  }

  void tell_metrics(HttpExchange& exchange) const {
    std::vector<EngineReport> engines;
    for (const auto& resident : residents_) {
      if (resident->engine) engines.push_back({resident->served.name, resident->engine->engine().statistics()});
    }
    exchange.respond(200, "text/plain; version=0.0.4", metrics_.text(engines, http_.num_connections()));
  }

  ServerOptions options_;
  Metrics metrics_;
  Turns turns_;  // of all that compute
  std::vector<std::unique_ptr<Resident>> residents_;
  std::mutex seeds_mutex_;
  base::RandomStream seeds_;  // for requests without one
  std::atomic<std::uint32_t> next_number_ = 0;
  const std::uint32_t run_id_ = std::random_device{}();
  net::HttpServer http_;  // last: its threads use all of the above
};

Server::Server(std::vector<ServedModel> models, ServerOptions options) : implementation_(std::make_unique<Implementation>(std::move(models), std::move(options))) {}
Server::~Server() = default;
void Server::start() { implementation_->start(); }
int Server::port() const { return implementation_->port(); }
void Server::stop(std::chrono::milliseconds grace) { implementation_->stop(grace); }

}  // namespace drover::openai
