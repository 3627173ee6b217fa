#include "openai/remote_generator.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "base/error.h"
#include "chat/strict_json.h"
#include "net/http_client.h"
#include "openai/endpoint_pool.h"
#include "openai/remote_reply.h"
#include "openai/remote_request.h"

namespace drover::openai {
namespace {

using base::SurroundingsError;
using base::UserError;
using generate::GenerationCallbacks;
using generate::GenerationRequest;
using generate::GenerationResult;
using generate::Response;
using std::chrono::milliseconds;

constexpr std::int64_t kAttemptsAtNonsense = 3;

std::vector<net::HttpHeader> headers_of(const EndpointState& state) {
  std::vector<net::HttpHeader> headers = {{"Content-Type", "application/json"}};
  if (!state.key.empty()) headers.push_back({"Authorization", "Bearer " + state.key});
  return headers;
}

/// Seconds from Retry-After; a date there is not read: then our own delay counts.
std::optional<milliseconds> asked_delay(const net::HttpResponse& response) {
  const auto value = response.header("Retry-After");
  if (!value || value->empty() || value->size() > 9) return std::nullopt;
  std::int64_t seconds = 0;
  for (const char digit : *value) {
    if (digit < '0' || digit > '9') return std::nullopt;
    seconds = seconds * 10 + (digit - '0');
  }
  return milliseconds(seconds * 1000);
}

/// Neighbouring samples of one request that are asked for together.
struct Job {
  std::size_t request = 0;
  std::int64_t first = 0;
  std::int64_t count = 1;
  std::int64_t attempts = 0;                   ///< that failed by this job's own fault, as far as one can tell
  std::int64_t nonsense = 0;                   ///< answers that could not be read
  bool is_plain = false;                       ///< goes without fields beyond the protocol, which a server may have refused
  std::optional<std::size_t> failed_at = {};   ///< the endpoint of the last failure
  Clock::time_point not_before = {};
};

/// One call of `generate`.
class Run {
 public:
  Run(const RemoteOptions& options, EndpointPool& pool, net::HttpClient& client, std::span<const GenerationRequest> requests,
      const GenerationCallbacks& callbacks)
      : options_(options), pool_(pool), client_(client), requests_(requests), callbacks_(callbacks) {
    failed_.resize(requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      results_.emplace_back();
      prompts_.emplace_back();
      try {
        prepare(i);
      } catch (const UserError& error) {
        if (!callbacks_.on_failure) throw;
        callbacks_.on_failure(i, error.what());
      }
    }
  }

  ~Run() {
    for (const auto transfer : in_flight_) client_.cancel(transfer);
    for (std::size_t i = 0; i < pool_.size(); ++i) pool_[i].in_flight = 0;
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  std::vector<GenerationResult> finish() {
    while (done_ < total_) {
      if (pool_.all_dead()) {
        throw SurroundingsError("No server answers any more; the last one to fail was {}. {} of {} replies are there.", pool_.last_death(), done_, total_);
      }
      start_jobs();
      client_.run(wait());
      tell_progress();  // also where nothing came: it is where callers notice an interruption
    }
    if (!first_failure_.empty()) {
      const auto sentence = fmt::format("{} of {} replies did not come. The first of them: {}", num_failed_, total_, first_failure_);
      if (is_refused_) throw UserError("{}", sentence);
      throw SurroundingsError("{}", sentence);
    }
    return std::move(results_);
  }

 private:
  void prepare(std::size_t index) {
    const auto& request = requests_[index];
    request.options.validate();
    if (request.num_responses < 1 || request.num_responses > generate::kMaxResponses) {
      throw UserError("num_responses = {} is not possible: ask for 1 to {} replies.", request.num_responses, generate::kMaxResponses);
    }
    if (request.first_sample < 0) throw UserError("first_sample = {} is not possible: samples count from 0.", request.first_sample);
    if (request.prompt_ids.empty() && request.dialog.messages.empty()) {
      throw UserError("A request to sample from has neither messages nor prompt tokens.");
    }
    if (request.constraint != nullptr) throw UserError("A server cannot hold replies to a language that was compiled here (a schema, a list of choices).");
    auto prompt = request.prompt_ids;
    if (prompt.empty() && options_.render_here) prompt = options_.format->render(request.dialog, {.generation_prompt = true}).ids;
    if (prompt.empty()) refuse_what_servers_lack(request.dialog);
    results_[index].prompt_ids = prompt;
    if (callbacks_.keep_responses) results_[index].responses.resize(static_cast<std::size_t>(request.num_responses));
    prompts_[index] = std::move(prompt);
    for (std::int64_t first = 0; first < request.num_responses; first += options_.choices_per_request) {
      jobs_.push_back({.request = index, .first = first, .count = std::min(options_.choices_per_request, request.num_responses - first)});
    }
    total_ += request.num_responses;
  }

  static void refuse_what_servers_lack(const chat::Dialog& dialog) {
    const auto is_function = [](const chat::ToolCall& call) { return call.kind == chat::ToolCall::Kind::kFunction; };
    const bool has_others = std::any_of(dialog.messages.begin(), dialog.messages.end(), [&](const auto& message) {
      return !std::all_of(message.calls.begin(), message.calls.end(), is_function);
    });
    if (!dialog.core_tools.empty() || has_others) {
      throw UserError("A server's chat protocol knows no core tools (\"{}\"). Render dialogs here, with the model's format.",
                      dialog.core_tools.empty() ? "code_interpreter" : dialog.core_tools.front());
    }
  }

  void start_jobs() {
    const auto now = Clock::now();
    for (std::size_t looked_at = jobs_.size(); looked_at > 0; --looked_at) {
      Job job = jobs_.front();
      if (job.not_before > now) {  // behind the others
        jobs_.pop_front();
        jobs_.push_back(job);
        continue;
      }
      const auto endpoint = pool_.choose(now, job.failed_at);
      if (!endpoint) return;
      jobs_.pop_front();
      start(job, *endpoint);
    }
  }

  /// Until a delayed job or a resting endpoint is ready, at most a second.
  milliseconds wait() const {
    const auto now = Clock::now();
    auto until = now + std::chrono::seconds(1);
    for (const auto& job : jobs_) {
      if (job.not_before > now) until = std::min(until, job.not_before);
    }
    if (const auto ready = pool_.next_ready(now); ready && !jobs_.empty()) until = std::min(until, *ready);
    return std::chrono::duration_cast<milliseconds>(until - now) + milliseconds(1);
  }

  void start(Job job, std::size_t endpoint) {
    auto& state = pool_[endpoint];
    if (!state.abilities.many_choices && job.count > 1) {
      for (std::int64_t i = 1; i < job.count; ++i) jobs_.push_back({.request = job.request, .first = job.first + i, .count = 1});
      job.count = 1;
    }
    const auto& prompt = prompts_[job.request];
    auto asked = state.abilities;
    if (job.is_plain) asked.token_ids = false;
    const auto body = remote_request(requests_[job.request], prompt, state.model, job.first, job.count, asked);
    net::HttpRequest http{.method = "POST",
                          .url = state.endpoint.url + (prompt.empty() ? "/chat/completions" : "/completions"),
                          .headers = headers_of(state),
                          .body = body.dump(-1, ' ', false, chat::Json::error_handler_t::replace),
                          .connect_timeout = options_.connect_timeout,
                          .timeout = options_.timeout};
    ++state.in_flight;
    const auto place = std::make_shared<net::TransferId>();
    *place = client_.start(std::move(http), [this, job, endpoint, asked, place](net::HttpResult result) {
      std::erase(in_flight_, *place);
      --pool_[endpoint].in_flight;
      take(job, endpoint, asked, result);
    });
    in_flight_.push_back(*place);
  }

  void take(Job job, std::size_t endpoint, const RemoteAbilities& asked, const net::HttpResult& result) {
    job.failed_at = endpoint;
    if (result.failure) return take_failure(job, endpoint, *result.failure);
    const int status = result.response.status;
    if (status == 200) return take_answer(job, endpoint, result.response.body);
    const auto reason = pool_.without_keys(fmt::format("status {}: {}", status, read_remote_error(result.response.body)));
    if (status == 429 || status == 408 || status == 425) {
      pool_.note_failure(endpoint, reason, asked_delay(result.response));
      jobs_.push_back(job);
    } else if (status >= 500) {
      // 500 may be this request's doing, the others are the server's.
      if (status != 500) pool_.note_failure(endpoint, reason, asked_delay(result.response));
      try_again_later(job, endpoint, reason);
    } else if (status == 401 || status == 403 || status == 404 || status == 405 || (status >= 300 && status < 400)) {
      pool_.note_death(endpoint, reason);  // key, path or model: every request would end like this
      jobs_.push_back(job);
    } else if (asked.log_probs && reason.find("logprob") != std::string::npos) {
      pool_[endpoint].abilities.log_probs = false;
      jobs_.push_front(job);
    } else if (asked.token_ids) {  // a server may refuse unknown fields without naming them
      job.is_plain = true;
      jobs_.push_front(job);
    } else {
      is_refused_ = is_refused_ || first_failure_.empty();
      fail(job, endpoint, reason);
    }
  }

  void take_failure(Job& job, std::size_t endpoint, const net::HttpFailure& failure) {
    using Kind = net::HttpFailure::Kind;
    const auto reason = pool_.without_keys(failure.reason);
    switch (failure.kind) {
      case Kind::kRequest:
        pool_.note_death(endpoint, reason);
        jobs_.push_back(job);
        break;
      case Kind::kConnection:
        pool_.note_failure(endpoint, reason, std::nullopt);
        jobs_.push_back(job);
        break;
      case Kind::kTimeout:
      case Kind::kCut:
        pool_.note_failure(endpoint, reason, std::nullopt);
        try_again_later(job, endpoint, reason);
        break;
      case Kind::kTooLarge:
      case Kind::kStopped: fail(job, endpoint, reason); break;
    }
  }

  void take_answer(Job job, std::size_t endpoint, const std::string& body) {
    const auto& request = requests_[job.request];
    std::vector<Response> responses;
    try {
      responses = read_remote_replies(body, {.request = &request, .is_chat = prompts_[job.request].empty(),
                                             .tokenizer = options_.tokenizer.get(), .format = options_.format.get()});
      if (results_[job.request].prompt_ids.empty()) results_[job.request].prompt_ids = read_remote_prompt(body);
    } catch (const UserError& error) {
      if (++job.nonsense >= kAttemptsAtNonsense) return fail(job, endpoint, error.what());
      return try_again_later(job, endpoint, error.what());
    }
    pool_.note_success(endpoint);
    if (job.is_plain) pool_[endpoint].abilities.token_ids = false;
    const auto got = std::min(job.count, static_cast<std::int64_t>(responses.size()));
    if (got < job.count) {
      // The server does not understand n; what it gave counts.
      pool_[endpoint].abilities.many_choices = false;
      for (std::int64_t i = got; i < job.count; ++i) jobs_.push_back({.request = job.request, .first = job.first + i, .count = 1});
    }
    for (std::int64_t i = 0; i < got; ++i) {
      auto& response = responses[static_cast<std::size_t>(i)];
      ++done_;
      tell(job.request, job.first + i, response);
      if (callbacks_.keep_responses) results_[job.request].responses[static_cast<std::size_t>(job.first + i)] = std::move(response);
    }
  }

  void try_again_later(Job job, std::size_t endpoint, const std::string& reason) {
    if (++job.attempts >= options_.max_attempts) return fail(job, endpoint, reason);
    job.not_before = Clock::now() + pool_.delay(job.attempts);
    jobs_.push_back(job);
  }

  void fail(const Job& job, std::size_t endpoint, const std::string& reason) {
    const auto sentence = fmt::format("request {} at {}: {}", job.request + 1, net::shown_url(pool_[endpoint].endpoint.url), pool_.without_keys(reason));
    done_ += job.count;
    num_failed_ += job.count;
    for (std::int64_t i = 0; i < job.count && callbacks_.keep_responses; ++i) {
      results_[job.request].responses[static_cast<std::size_t>(job.first + i)].finish = generate::Finish::kCancelled;
    }
    if (callbacks_.on_failure) {
      if (!failed_[job.request]) callbacks_.on_failure(job.request, sentence);
    } else if (first_failure_.empty()) {
      first_failure_ = sentence;
    }
    failed_[job.request] = true;
  }

  void tell(std::size_t request, std::int64_t number, const Response& response) {
    if (callbacks_.on_token && !response.text.empty()) {
      callbacks_.on_token({.request = request, .response = number, .id = response.ids.empty() ? text::kNoToken : response.ids.back(),
                           .log_prob = response.log_probs.empty() ? 0.0F : response.log_probs.back(), .text = response.text});
    }
    if (callbacks_.on_response) callbacks_.on_response(request, number, response);
    tell_progress();
  }

  void tell_progress() {
    if (callbacks_.on_progress) callbacks_.on_progress({.what = "sampling", .done = done_, .total = total_, .unit = "replies"});
  }

  const RemoteOptions& options_;
  EndpointPool& pool_;
  net::HttpClient& client_;
  std::span<const GenerationRequest> requests_;
  const GenerationCallbacks& callbacks_;
  std::vector<std::vector<text::TokenId>> prompts_;  // empty where the server renders the dialog
  std::vector<GenerationResult> results_;
  std::vector<bool> failed_;  // requests that lack a reply
  std::deque<Job> jobs_;
  std::vector<net::TransferId> in_flight_;
  std::int64_t done_ = 0;
  std::int64_t total_ = 0;
  std::int64_t num_failed_ = 0;
  std::string first_failure_;
  bool is_refused_ = false;  // the first failure is a request that the server refuses
};

class RemoteGenerator final : public generate::Generator {
 public:
  explicit RemoteGenerator(RemoteOptions options) : options_(std::move(options)), pool_(options_) {
    for (std::size_t i = 0; i < pool_.size(); ++i) name_model(i);
    if (pool_.all_dead()) throw SurroundingsError("No server tells which model it has; the last one asked was {}.", pool_.last_death());
    for (std::size_t i = pool_.size(); i-- > 0;) {
      if (!pool_[i].model.empty()) name_ = pool_[i].model;
    }
  }

  std::vector<GenerationResult> generate(std::span<const GenerationRequest> requests, const GenerationCallbacks& callbacks) override {
    pool_.revive();
    for (std::size_t i = 0; i < pool_.size(); ++i) name_model(i);
    return Run(options_, pool_, client_, requests, callbacks).finish();
  }

  std::string model_name() const override { return name_; }

 private:
  /// Asks the server for its model where the options name none.
  void name_model(std::size_t index) {
    auto& state = pool_[index];
    if (!state.model.empty()) return;
    const auto result = client_.fetch({.url = state.endpoint.url + "/models", .headers = headers_of(state), .connect_timeout = options_.connect_timeout,
                                       .timeout = std::chrono::seconds(30)});
    if (result.failure) return pool_.note_death(index, pool_.without_keys(result.failure->reason));
    if (result.response.status != 200) {
      return pool_.note_death(index, pool_.without_keys(fmt::format("status {}: {}", result.response.status, read_remote_error(result.response.body))));
    }
    const auto parsed = chat::parse_strict_json(result.response.body);
    if (const auto* answer = std::get_if<chat::Json>(&parsed); answer != nullptr && answer->is_object() && answer->contains("data")) {
      const auto& list = answer->at("data");
      if (list.is_array() && !list.empty() && list[0].is_object() && list[0].contains("id") && list[0]["id"].is_string()) {
        state.model = list[0]["id"].get<std::string>();
      }
    }
    if (state.model.empty()) pool_.note_death(index, "its list of models is empty or cannot be read; name the model");
  }

  RemoteOptions options_;
  EndpointPool pool_;
  net::HttpClient client_;
  std::string name_;
};

}  // namespace

void RemoteOptions::validate() const {
  if (endpoints.empty()) throw UserError("No server is named: give at least one URL, as http://127.0.0.1:8080/v1.");
  for (const auto& endpoint : endpoints) {
    if (!endpoint.url.starts_with("http://") && !endpoint.url.starts_with("https://")) {
      throw UserError("The server's URL must begin with http:// or https://, as http://127.0.0.1:8080/v1; it is {}.", net::shown_url(endpoint.url));
    }
    if (endpoint.max_in_flight < 1) throw UserError("max_in_flight = {} is not possible: at least 1 request is sent at a time.", endpoint.max_in_flight);
  }
  if (render_here && format == nullptr) throw UserError("Dialogs can only be rendered here when the model's chat format is known.");
  if (choices_per_request < 1) throw UserError("choices_per_request = {} is not possible: a request asks for at least 1.", choices_per_request);
  if (max_attempts < 1) throw UserError("max_attempts = {} is not possible: each request is tried at least once.", max_attempts);
  if (timeout.count() < 1 || first_delay.count() < 0 || max_delay < first_delay) {
    throw UserError("The times of waiting for servers are not possible: timeout {} ms, first_delay {} ms, max_delay {} ms.", timeout.count(),
                    first_delay.count(), max_delay.count());
  }
}

std::unique_ptr<generate::Generator> make_remote_generator(RemoteOptions options) {
  options.validate();
  return std::make_unique<RemoteGenerator>(std::move(options));
}

}  // namespace drover::openai
