#include "generate/local_generator.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.h"
#include "generate/reply_in_progress.h"
#include "model/decoder.h"
#include "model/packed/packed_decoder.h"
#include "model/paged_decoder.h"

namespace drover::generate {
namespace {

/// What all requests of a call share.
struct Call {
  const model::Model& model;
  const chat::ChatFormat* format;
  const GenerationCallbacks& callbacks;
  std::vector<GenerationResult> results;
  std::int64_t finished = 0;
  std::int64_t total = 0;
  bool is_any_over = false;  // a request has ended since the last look
  bool is_given_up = false;  // nobody is to hear any more of it

  void show_progress() const {
    if (callbacks.on_progress && !is_given_up) callbacks.on_progress({.what = "sampling", .done = finished, .total = total, .unit = "replies"});
  }
};

/// Writes down what the engine produces for one request.
class Record final : public engine::Listener {
 public:
  Record(Call& call, PreparedRequest prepared) : call_(call), prepared_(std::move(prepared)) {
    replies_.resize(static_cast<std::size_t>(prepared_.request->num_responses));
  }

  bool on_token(std::int64_t sample, const engine::SampledToken& token) override {
    auto& reply = reply_of(sample);
    reply.take(token, call_.callbacks);
    return !reply.is_finished();
  }

  void on_sample_end(std::int64_t sample, engine::SampleEnd end) override {
    auto& reply = reply_of(sample);
    reply.cut(end == engine::SampleEnd::kCancelled ? Finish::kCancelled : Finish::kLength);
    auto response = reply.take_response();
    replies_[static_cast<std::size_t>(sample)].reset();
    ++call_.finished;
    if (call_.callbacks.on_response && !call_.is_given_up) call_.callbacks.on_response(prepared_.index, sample, response);
    if (call_.callbacks.keep_responses) call_.results[prepared_.index].responses[static_cast<std::size_t>(sample)] = std::move(response);
    call_.show_progress();
  }

  void on_end(std::exception_ptr failure) override {
    is_over_ = true;
    call_.is_any_over = true;
    failure_ = std::move(failure);
  }

  const PreparedRequest& prepared() const { return prepared_; }
  bool is_over() const { return is_over_; }
  std::exception_ptr failure() const { return failure_; }

 private:
  ReplyInProgress& reply_of(std::int64_t sample) {
    auto& reply = replies_[static_cast<std::size_t>(sample)];
    if (!reply) reply = std::make_unique<ReplyInProgress>(prepared_, sample, call_.model.tokenizer(), call_.format);
    return *reply;
  }

  Call& call_;
  PreparedRequest prepared_;
  std::vector<std::unique_ptr<ReplyInProgress>> replies_;  // those being written
  bool is_over_ = false;
  std::exception_ptr failure_;
};

engine::SampleRequest engine_request(const PreparedRequest& prepared) {
  engine::SampleRequest request{.prompt = prepared.prompt,
                                .options = prepared.request->options,
                                .num_samples = prepared.request->num_responses,
                                .first_sample = prepared.request->first_sample,
                                .constraint = prepared.request->constraint};
  request.options.stop_ids = prepared.stop_ids;
  request.options.max_tokens = prepared.max_tokens;
  request.options.min_tokens = std::min(request.options.min_tokens, prepared.max_tokens);
  return request;
}

class EngineGenerator final : public LocalGenerator {
 public:
  EngineGenerator(std::shared_ptr<const model::Model> model, std::shared_ptr<const chat::ChatFormat> format, const engine::EngineOptions& options,
                  model::WeightForm weights)
      : model_(std::move(model)), format_(std::move(format)), shares_memory_(options.budget != nullptr), engine_(paged_model_of(*model_, weights), options) {}

  std::vector<GenerationResult> generate(std::span<const GenerationRequest> requests, const GenerationCallbacks& callbacks) override {
    Call call{.model = *model_, .format = format_.get(), .callbacks = callbacks, .results = {}};
    call.results.resize(requests.size());
    std::vector<Running> running;
    try {
      for (std::size_t i = 0; i < requests.size(); ++i) {
        submit(call, requests[i], i, running);
      }
      while (!running.empty()) {
        if (!engine_.step() && !all_over(running)) wait_for_memory(running.size());
        settle(call, running);
        if (!running.empty()) call.show_progress();  // also where the caller can break off
      }
    } catch (...) {
      call.is_given_up = true;
      give_up(running);
      throw;
    }
    return std::move(call.results);
  }

  std::string model_name() const override { return model_->hash(); }
  engine::EngineStatistics statistics() const override { return engine_.statistics(); }

 private:
  struct Running {
    engine::RequestId id{};
    std::shared_ptr<Record> record;
  };

  /// Reports a request that cannot be answered, or ends the call.
  static void fail(const Call& call, std::size_t request, const base::UserError& error) {
    if (!call.callbacks.on_failure) throw error;
    call.callbacks.on_failure(request, error.what());
  }

  void submit(Call& call, const GenerationRequest& request, std::size_t index, std::vector<Running>& running) {
    try {
      auto record = std::make_shared<Record>(call, prepare(request, index, *model_, format_.get()));
      call.results[index].prompt_ids = record->prepared().prompt;
      if (call.callbacks.keep_responses) call.results[index].responses.resize(static_cast<std::size_t>(request.num_responses));
      const auto id = engine_.submit(engine_request(record->prepared()), record);
      call.total += request.num_responses;
      running.push_back({id, std::move(record)});
    } catch (const base::UserError& error) {
      fail(call, index, error);
    }
  }

  static bool all_over(const std::vector<Running>& running) {
    return std::all_of(running.begin(), running.end(), [](const Running& one) { return one.record->is_over(); });
  }

  /// Other engines of the budget hold the memory that the next sample needs, and give it back as theirs end.
  void wait_for_memory(std::size_t requests) {
    DROVER_CHECK(shares_memory_, "The engine has nothing to do, but {} requests are not over", requests);
    engine_.wait_for_work();
  }

  /// Takes the requests that are over from the list.
  static void settle(Call& call, std::vector<Running>& running) {
    if (!call.is_any_over) return;  // most steps: there may be very many requests
    call.is_any_over = false;
    for (const auto& one : running) {
      if (!one.record->is_over() || !one.record->failure()) continue;
      try {
        std::rethrow_exception(one.record->failure());
      } catch (const base::UserError& error) {
        fail(call, one.record->prepared().index, error);
      }
    }
    std::erase_if(running, [](const Running& one) { return one.record->is_over(); });
  }

  /// Cancels everything: listeners refer to the call, which is about to end.
  void give_up(const std::vector<Running>& running) noexcept {
    for (const auto& one : running) engine_.cancel(one.id);
    try {
      while (engine_.step()) {
      }
    } catch (...) {  // the first failure is the one to tell
    }
  }

  std::shared_ptr<const model::Model> model_;
  std::shared_ptr<const chat::ChatFormat> format_;
  const bool shares_memory_;
  engine::Engine engine_;
};

}  // namespace

std::shared_ptr<engine::PagedModel> paged_model_of(const model::Model& model, model::WeightForm weights) {
  const auto decoder = model.shared_decoder();
  if (decoder->device().is_cpu()) return model::make_packed_decoder(decoder, weights);
  if (weights != model::WeightForm::kAsGiven) throw base::UserError("int8 weights are for the CPU, but the model is on {}.", decoder->device().str());
  return model::make_paged_decoder(decoder);
}

std::unique_ptr<LocalGenerator> make_local_generator(std::shared_ptr<const model::Model> model, std::shared_ptr<const chat::ChatFormat> format,
                                                     const engine::EngineOptions& options, model::WeightForm weights) {
  options.validate();
  if (model->config().head.kind != model::HeadKind::kLanguage) {
    throw base::UserError("This model cannot write: it has no language head, but one that scores.");
  }
  return std::make_unique<EngineGenerator>(std::move(model), std::move(format), options, weights);
}

}  // namespace drover::generate
