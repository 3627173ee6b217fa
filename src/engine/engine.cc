#include "engine/engine.h"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>

#include "base/error.h"
#include "engine/memory_budget.h"
#include "engine/next_token.h"
#include "engine/page_pool.h"
#include "engine/prefix_cache.h"
#include "engine/request_rules.h"
#include "engine/scheduler.h"

namespace drover::engine {
namespace {

using base::UserError;
using State = Sequence::State;

/// How long wait_for_work() waits for bytes of other engines before the engine tries again: nothing depends on being
/// told.
constexpr auto kRetry = std::chrono::milliseconds(20);

std::int64_t length(const std::vector<text::TokenId>& tokens) { return static_cast<std::int64_t>(tokens.size()); }

}  // namespace

void EngineOptions::validate() const {
  if (!budget && memory_bytes < 1)
    throw UserError("memory_bytes = {} is not possible: pages need memory.", memory_bytes);
  if (max_sequences < 1) throw UserError("max_sequences = {} is not possible: it must be at least 1.", max_sequences);
  if (tokens_per_step < 1)
    throw UserError("tokens_per_step = {} is not possible: it must be at least 1.", tokens_per_step);
}

class Engine::Implementation final : public MemoryBudget::Member {
 public:
  Implementation(std::shared_ptr<PagedModel> model, const EngineOptions& options);
  ~Implementation();

  RequestId submit(std::unique_ptr<RunningRequest> request);
  void cancel(RequestId request);
  bool step();
  void wait_for_work();
  void wake();
  EngineStatistics statistics() const;

  const PagedModel& model() const { return *model_; }

  std::int64_t discardable_bytes() const override { return pool_.cached() * pool_.bytes_per_page(); }
  void discard_for_another(std::int64_t bytes) override;
  void bytes_came_back() override;

 private:
  using Clock = std::chrono::steady_clock;

  /// A sample's next token, or why there is none.
  struct Draw {
    Sequence* sequence = nullptr;
    std::optional<SampledToken> token = {};
    std::vector<RankedToken> top = {};  // empty where nobody asks
    std::exception_ptr failure = {};
  };

  void refuse_too_large(const RunningRequest& request) const;
  bool take_messages();
  bool compute_step();
  bool forward(std::span<const SequenceChunk> chunks);
  bool draw();
  void hand_out_outputs();
  void hand_out_outputs(Sequence& sequence);
  void hand_out_token(const Draw& draw);
  void end_sample(Sequence& sequence, SampleEnd end);
  void cancel_now(RunningRequest& request);
  void finish(RunningRequest& request, std::exception_ptr failure);
  template <typename Work>
  void guard(RunningRequest& request, const Work& work);
  void serve_other_engines();
  void publish();
  void check() const;

  const std::shared_ptr<PagedModel> model_;
  const EngineOptions options_;
  const std::shared_ptr<MemoryBudget> budget_;

  std::mutex step_mutex_;  // what follows belongs to the step, or to another engine that needs memory between two steps
  PagePool pool_;
  PrefixCache cache_;
  Scheduler scheduler_;
  std::map<RequestId, std::unique_ptr<RunningRequest>> requests_;
  std::vector<std::unique_ptr<RunningRequest>> over_;  // until the sequences that name them are swept
  std::vector<Draw> draws_;
  std::vector<TokenMask> masks_;
  std::function<void(std::int64_t)> draw_one_;
  std::vector<std::unique_ptr<RunningRequest>> taken_requests_;
  std::vector<RequestId> taken_cancellations_;
  EngineStatistics counted_;

  mutable std::mutex inbox_mutex_;
  std::condition_variable work_came_;
  std::vector<std::unique_ptr<RunningRequest>> new_requests_;
  std::vector<RequestId> cancellations_;
  std::uint64_t last_id_ = 0;
  bool is_woken_ = false;
  bool can_go_on_ = false;  // the last step did something, and more is left
  bool waits_for_bytes_ = false;
  EngineStatistics published_;
};

Engine::Implementation::Implementation(std::shared_ptr<PagedModel> model, const EngineOptions& options)
    : model_(std::move(model)),
      options_((options.validate(), options)),
      budget_(options.budget ? options.budget : std::make_shared<MemoryBudget>(options.memory_bytes)),
      pool_(budget_, *this, model_->bytes_per_page(), [this](PageId page) { model_->discard_page(page); }),
      cache_(pool_, model_->page_tokens()),
      scheduler_(*model_, options_, *budget_, *this, pool_, cache_) {
  if (pool_.capacity() < 1) {
    throw UserError("{} bytes of memory do not hold one page of {} bytes. Give the engine more memory.",
                    budget_->bytes(), model_->bytes_per_page());
  }
  model_->reserve_pages(pool_.capacity());
  draw_one_ = [this](std::int64_t index) {
    auto& draw = draws_[static_cast<std::size_t>(index)];
    const std::span logits(draw.sequence->outputs, static_cast<std::size_t>(model_->vocab_size()));
    try {
      draw.token = draw_next_token(*draw.sequence, logits, masks_[static_cast<std::size_t>(index)]);
      if (const auto count = draw.sequence->request->num_top; count > 0) draw.top = most_probable(logits, count);
    } catch (...) {
      draw.failure = std::current_exception();
    }
  };
  publish();
  budget_->join(*this);
}

Engine::Implementation::~Implementation() { budget_->leave(*this); }

// ---- From any thread

RequestId Engine::Implementation::submit(std::unique_ptr<RunningRequest> request) {
  DROVER_CHECK(request->listener != nullptr, "A request has no listener");
  refuse_too_large(*request);
  const std::lock_guard lock(inbox_mutex_);
  request->id = RequestId{++last_id_};
  const auto id = request->id;
  new_requests_.push_back(std::move(request));
  work_came_.notify_one();
  return id;
}

void Engine::Implementation::refuse_too_large(const RunningRequest& request) const {
  const auto pages = scheduler_.most_pages_of(request);
  if (pages > pool_.capacity()) {
    throw UserError(
        "The request may need {} pages of {} tokens, but the memory of {} bytes holds {}. Lower max_tokens, or give "
        "the engine more memory.",
        pages, model_->page_tokens(), budget_->bytes(), pool_.capacity());
  }
}

void Engine::Implementation::cancel(RequestId request) {
  const std::lock_guard lock(inbox_mutex_);
  cancellations_.push_back(request);
  work_came_.notify_one();
}

void Engine::Implementation::wake() {
  const std::lock_guard lock(inbox_mutex_);
  is_woken_ = true;
  work_came_.notify_one();
}

void Engine::Implementation::bytes_came_back() {
  const std::lock_guard lock(inbox_mutex_);
  if (!waits_for_bytes_) return;
  waits_for_bytes_ = false;
  can_go_on_ = true;
  work_came_.notify_one();
}

void Engine::Implementation::wait_for_work() {
  std::unique_lock lock(inbox_mutex_);
  const auto has_work = [this] { return is_woken_ || can_go_on_ || !new_requests_.empty() || !cancellations_.empty(); };
  if (waits_for_bytes_) {
    work_came_.wait_for(lock, kRetry, has_work);
  } else {
    work_came_.wait(lock, has_work);
  }
  is_woken_ = false;
}

EngineStatistics Engine::Implementation::statistics() const {
  const std::lock_guard lock(inbox_mutex_);
  auto statistics = published_;
  for (const auto& request : new_requests_) statistics.waiting += request->num_samples;
  return statistics;
}

void Engine::Implementation::publish() {
  counted_.prompt_tokens = scheduler_.prompt_tokens();
  counted_.cached_tokens = scheduler_.cached_tokens();
  counted_.computed_tokens = scheduler_.computed_tokens();
  counted_.pages = pool_.capacity();
  counted_.pages_in_use = pool_.in_use();
  counted_.pages_cached = pool_.cached();
  counted_.pages_peak = pool_.peak();
  counted_.waiting = scheduler_.num_waiting();
  counted_.running = static_cast<std::int64_t>(scheduler_.running().size());
  const std::lock_guard lock(inbox_mutex_);
  published_ = counted_;
}

void Engine::Implementation::check() const {
  pool_.check();
  cache_.check();
  scheduler_.check();
  DROVER_CHECK(!requests_.empty() || pool_.in_use() + pool_.reserved() == 0,
               "{} pages are in use and {} reserved, but there are no requests", pool_.in_use(), pool_.reserved());
}

// ---- Memory that other engines need

void Engine::Implementation::discard_for_another(std::int64_t bytes) {
  const std::unique_lock lock(step_mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return;
  scheduler_.discard_for_another(bytes);
  publish();
}

void Engine::Implementation::serve_other_engines() {
  if (!budget_->is_shared()) return;
  const auto bytes = budget_->needed_by_another(*this);
  if (bytes > 0 && budget_->attainable() >= bytes) scheduler_.discard_for_another(bytes);
}

// ---- A step

bool Engine::Implementation::step() {
  const std::lock_guard lock(step_mutex_);
  const auto begin = Clock::now();
  const bool took_messages = take_messages();
  const auto tokens_before = counted_.new_tokens;
  scheduler_.admit();
  const bool computed = compute_step();
  scheduler_.sweep();
  over_.clear();
  if (options_.check_each_step) check();
  serve_other_engines();

  if (computed) {
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    ++counted_.steps;
    counted_.seconds += seconds;
    if (scheduler_.planned_prompt_tokens() == 0) {
      counted_.decode_seconds += seconds;
      counted_.decoded_tokens += counted_.new_tokens - tokens_before;
    }
  }
  publish();
  const std::lock_guard inbox_lock(inbox_mutex_);
  can_go_on_ = (computed || took_messages) && !requests_.empty();
  waits_for_bytes_ = !can_go_on_ && !requests_.empty();
  return computed || took_messages;
}

/// New requests and cancellations, in this order: who cancels knows the request.
bool Engine::Implementation::take_messages() {
  {
    const std::lock_guard lock(inbox_mutex_);
    taken_requests_.swap(new_requests_);
    taken_cancellations_.swap(cancellations_);
  }
  const bool any = !taken_requests_.empty() || !taken_cancellations_.empty();
  for (auto& request : taken_requests_) {
    scheduler_.add(*request);
    requests_.emplace(request->id, std::move(request));
  }
  for (const auto id : taken_cancellations_) {
    if (const auto place = requests_.find(id); place != requests_.end()) cancel_now(*place->second);
  }
  taken_requests_.clear();
  taken_cancellations_.clear();
  return any;
}

bool Engine::Implementation::compute_step() {
  const auto chunks = scheduler_.plan();
  const bool computes = !chunks.empty();
  if (computes && forward(chunks)) {
    scheduler_.advance();
    hand_out_outputs();
  }
  return draw() || computes;
}

bool Engine::Implementation::forward(std::span<const SequenceChunk> chunks) {
  try {
    model_->forward(chunks);
    return true;
  } catch (...) {
    const auto failure = std::current_exception();
    for (auto* request : scheduler_.planned_requests()) finish(*request, failure);
    return false;
  }
}

void Engine::Implementation::hand_out_outputs() {
  for (const auto& sequence : scheduler_.running()) {
    if (sequence->state == State::kPrompt && sequence->request->wants_outputs) hand_out_outputs(*sequence);
  }
}

void Engine::Implementation::hand_out_outputs(Sequence& sequence) {
  auto& request = *sequence.request;
  const auto width = model_->output_width();
  const auto first = sequence.computed - sequence.num_outputs;
  for (std::int64_t i = 0; i < sequence.num_outputs && !request.is_over; ++i) {
    const std::span output(sequence.outputs + i * width, static_cast<std::size_t>(width));
    guard(request, [&] { request.listener->on_output(first + i, output); });
  }
  sequence.num_outputs = 0;
  sequence.outputs = nullptr;
  if (!request.is_over && sequence.computed == length(sequence.tokens)) finish(request, nullptr);
}

/// Draws the next tokens of all samples that have outputs; false when there are none.
bool Engine::Implementation::draw() {
  draws_.clear();
  for (const auto& sequence : scheduler_.running()) {
    if (sequence->state == State::kDecoding && sequence->outputs != nullptr)
      draws_.push_back({.sequence = sequence.get()});
  }
  if (draws_.empty()) return false;
  while (masks_.size() < draws_.size()) masks_.emplace_back(model_->vocab_size());
  model_->for_each(static_cast<std::int64_t>(draws_.size()), draw_one_);
  for (const auto& draw : draws_) {
    draw.sequence->outputs = nullptr;
    if (draw.sequence->request->is_over) continue;
    if (draw.failure) {
      finish(*draw.sequence->request, draw.failure);
    } else if (draw.token) {
      hand_out_token(draw);
    } else {
      end_sample(*draw.sequence, SampleEnd::kStopId);
    }
  }
  return true;
}

void Engine::Implementation::hand_out_token(const Draw& draw) {
  auto& sequence = *draw.sequence;
  auto& request = *sequence.request;
  sequence.tokens.push_back(draw.token->id);
  ++counted_.new_tokens;
  bool goes_on = true;
  guard(request, [&] {
    if (!draw.top.empty()) request.listener->on_top(sequence.sample, draw.top);
    goes_on = request.listener->on_token(sequence.sample, *draw.token);
  });
  if (request.is_over) return;
  if (is_stop_id(request.options, draw.token->id)) {
    end_sample(sequence, SampleEnd::kStopId);
  } else if (!goes_on) {
    end_sample(sequence, SampleEnd::kListener);
  } else if (length(sequence.tokens) == sequence.longest) {
    end_sample(sequence, SampleEnd::kLength);
  }
}

void Engine::Implementation::end_sample(Sequence& sequence, SampleEnd end) {
  auto& request = *sequence.request;
  scheduler_.end(sequence);
  guard(request, [&] { request.listener->on_sample_end(sequence.sample, end); });
  if (!request.is_over && ++request.num_ended == request.num_samples) finish(request, nullptr);
}

void Engine::Implementation::cancel_now(RunningRequest& request) {
  if (!request.wants_outputs) {
    for (const auto& sequence : scheduler_.running()) {
      if (sequence->request != &request || sequence->state == State::kEnded || request.is_over) continue;
      guard(request, [&] { request.listener->on_sample_end(sequence->sample, SampleEnd::kCancelled); });
    }
    for (auto sample = request.begun; sample < request.num_samples && !request.is_over; ++sample) {
      guard(request, [&] { request.listener->on_sample_end(sample, SampleEnd::kCancelled); });
    }
  }
  if (!request.is_over) finish(request, nullptr);
}

/// Takes the request out and tells its listener, for the last time.
void Engine::Implementation::finish(RunningRequest& request, std::exception_ptr failure) {
  scheduler_.remove(request);
  request.is_over = true;
  try {
    request.listener->on_end(failure);
  } catch (...) {  // the request is over already, and nobody else could be told
  }
  const auto place = requests_.find(request.id);
  over_.push_back(std::move(place->second));
  requests_.erase(place);
}

/// Calls a listener; what it throws ends the request.
template <typename Work>
void Engine::Implementation::guard(RunningRequest& request, const Work& work) {
  try {
    work();
  } catch (...) {
    finish(request, std::current_exception());
  }
}

// ---- The interface

Engine::Engine(std::shared_ptr<PagedModel> model, const EngineOptions& options)
    : implementation_(std::make_unique<Implementation>(std::move(model), options)) {}
Engine::~Engine() = default;

RequestId Engine::submit(SampleRequest request, std::shared_ptr<Listener> listener) {
  refuse_impossible(request, implementation_->model());
  auto running = std::make_unique<RunningRequest>();
  running->listener = std::move(listener);
  running->tokens = std::move(request.prompt);
  running->options = std::move(request.options);
  running->num_samples = request.num_samples;
  running->first_sample = request.first_sample;
  running->constraint = std::move(request.constraint);
  running->num_top = request.num_top;
  return implementation_->submit(std::move(running));
}

RequestId Engine::submit(OutputRequest request, std::shared_ptr<Listener> listener) {
  refuse_impossible(request, implementation_->model());
  auto running = std::make_unique<RunningRequest>();
  running->listener = std::move(listener);
  running->tokens = std::move(request.tokens);
  running->wants_outputs = true;
  running->first_output = request.first_output;
  return implementation_->submit(std::move(running));
}

void Engine::cancel(RequestId request) { implementation_->cancel(request); }
bool Engine::step() { return implementation_->step(); }
void Engine::wait_for_work() { implementation_->wait_for_work(); }
void Engine::wake() { implementation_->wake(); }
EngineStatistics Engine::statistics() const { return implementation_->statistics(); }

}  // namespace drover::engine
