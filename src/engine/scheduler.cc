#include "engine/scheduler.h"

#include <algorithm>

#include "base/error.h"

namespace drover::engine {
namespace {

using State = Sequence::State;
using Prompt = RunningRequest::Prompt;

/// Outputs of OutputRequests that one step computes: as many as fit this memory, and no fewer than the number.
constexpr std::int64_t kOutputBytesPerStep = std::int64_t{64} << 20;
constexpr std::int64_t kLeastOutputsPerStep = 64;

std::int64_t length(const std::vector<text::TokenId>& tokens) { return static_cast<std::int64_t>(tokens.size()); }

bool in_order_of_pages(const Sequence* left, const Sequence* right) { return left->pages < right->pages; }

}  // namespace

Scheduler::Scheduler(PagedModel& model, const EngineOptions& options, MemoryBudget& budget,
                     MemoryBudget::Member& member, PagePool& pool, PrefixCache& cache)
    : model_(model),
      options_(options),
      budget_(budget),
      member_(member),
      pool_(pool),
      cache_(cache),
      pages_(model, pool, cache, options.share_pages),
      page_tokens_(model.page_tokens()),
      output_width_(model.output_width()) {}

void Scheduler::add(RunningRequest& request) { waiting_.push_back(&request); }

void Scheduler::remove(RunningRequest& request) {
  for (const auto& sequence : running_) {
    if (sequence->request == &request && sequence->state != State::kEnded) end(*sequence);
  }
  std::erase(waiting_, &request);
  is_hopeless_ = false;
  forget_prompt(request);
}

// ---- Admission

void Scheduler::admit() {
  if (is_hopeless_ && pool_.num_returns() == returns_when_refused_) return;
  bool is_refused = false;
  while (!waiting_.empty() && static_cast<std::int64_t>(running_.size()) < options_.max_sequences && !is_refused) {
    auto& request = *waiting_.front();
    is_refused = !begin_next(request);
    if (request.begun < request.num_samples) continue;
    waiting_.pop_front();
    pages_.release_prompt(request);
  }
  if (is_in_line_ && !is_refused) budget_.leave_line(member_);
  is_in_line_ = is_refused;
  // What another engine gives back is not noticed here.
  is_hopeless_ = is_refused && !budget_.is_shared();
  returns_when_refused_ = pool_.num_returns();
}

bool Scheduler::begin_next(RunningRequest& request) {
  const bool is_shared = options_.share_pages && request.prompt != Prompt::kUnknown;
  if (is_shared && begin_on_known_prompt(request)) return true;
  if (!is_shared) return begin_with_prompt(request);
  if (request.prompt != Prompt::kKnown || request.num_running > 0) return false;
  // The kept pages may stand in the way of the very sample that they are kept for, or of another engine.
  forget_prompt(request);
  return begin_with_prompt(request);
}

/// A sample of a request whose prompt is known, or is being computed by another sample.
bool Scheduler::begin_on_known_prompt(RunningRequest& request) {
  const auto need = pages_.num_pages(longest_of(request)) - length(request.tokens) / page_tokens_;
  if (!reserve(need)) return false;
  auto sequence = new_sequence(request);
  sequence->reserve = need;
  sequence->state = State::kAwaitsPrompt;
  if (request.prompt == Prompt::kKnown) {
    pages_.take_prompt(*sequence, request.prompt_pages, request.prompt_entries);
    sequence->state = State::kDecoding;
    sequence->outputs = request.prompt_outputs.data();
  }
  start(request, std::move(sequence));
  return true;
}

/// The first sample of a request, or an OutputRequest.
bool Scheduler::begin_with_prompt(RunningRequest& request) {
  auto sequence = new_sequence(request);
  // Held before room is made, so that it is not made of the pages to share.
  pages_.take_known_full(*sequence);
  const auto need = pages_.num_pages(sequence->longest) - static_cast<std::int64_t>(sequence->pages.size());
  if (!reserve(need)) {
    pages_.release(*sequence);
    return false;
  }
  sequence->reserve = need;
  sequence->is_counted = request.begun == 0;
  if (sequence->is_counted) {
    prompt_tokens_ += length(request.tokens);
    cached_tokens_ += sequence->computed;
  }
  request.prompt = Prompt::kComing;
  start(request, std::move(sequence));
  return true;
}

std::int64_t Scheduler::longest_of(const RunningRequest& request) const {
  const auto given = length(request.tokens);
  return request.wants_outputs ? given : std::min(given + request.options.max_tokens, model_.max_positions());
}

std::int64_t Scheduler::most_pages_of(const RunningRequest& request) const {
  return pages_.num_pages(longest_of(request));
}

std::unique_ptr<Sequence> Scheduler::new_sequence(RunningRequest& request) const {
  auto sequence = std::make_unique<Sequence>();
  sequence->request = &request;
  sequence->sample = request.begun;
  const auto given = length(request.tokens);
  sequence->longest = longest_of(request);
  if (options_.share_pages) sequence->shareable = request.wants_outputs ? request.first_output : given - 1;
  sequence->tokens.reserve(static_cast<std::size_t>(sequence->longest));
  sequence->tokens = request.tokens;
  sequence->pages.reserve(static_cast<std::size_t>(pages_.num_pages(sequence->longest)));
  if (!request.wants_outputs) {
    sequence->chance.emplace(request.options.seed, request.tokens, request.first_sample + sequence->sample);
    if (request.constraint) sequence->constraint = request.constraint->copy();
  }
  return sequence;
}

void Scheduler::start(RunningRequest& request, std::unique_ptr<Sequence> sequence) {
  ++request.begun;
  ++request.num_running;
  running_.push_back(std::move(sequence));
}

bool Scheduler::reserve(std::int64_t pages) {
  using Answer = MemoryBudget::Answer;
  const auto bytes = pages * pool_.bytes_per_page();
  auto answer = pool_.reserve(pages);
  if (answer == Answer::kTaken) return true;
  if (answer == Answer::kAnotherIsFirst || budget_.attainable() < bytes) return false;
  while (answer == Answer::kShort && cache_.discard_one()) answer = pool_.reserve(pages);
  if (answer == Answer::kShort) {
    budget_.ask_others(member_, bytes);
    answer = pool_.reserve(pages);
  }
  return answer == Answer::kTaken;
}

void Scheduler::discard_for_another(std::int64_t bytes) {
  while (budget_.available() < bytes && cache_.discard_one()) {
  }
}

void Scheduler::forget_prompt(RunningRequest& request) {
  pages_.release_prompt(request);
  request.prompt = Prompt::kUnknown;
}

// ---- A step

std::span<const SequenceChunk> Scheduler::plan() {
  planned_.clear();
  for (const auto& sequence : running_) {
    if (sequence->state == State::kDecoding && sequence->computed < length(sequence->tokens))
      plan_tokens(*sequence, 1, 1);
  }
  const auto decoding = static_cast<std::int64_t>(planned_.size());
  const auto most = std::max(options_.tokens_per_step - decoding, page_tokens_);
  prompt_tokens_left_ = most;
  output_rows_left_ =
      std::max(kLeastOutputsPerStep, kOutputBytesPerStep / (output_width_ * static_cast<std::int64_t>(sizeof(float))));
  for (const auto& sequence : running_) {
    if (prompt_tokens_left_ == 0) break;
    if (sequence->state == State::kPrompt) plan_prompt(*sequence);
  }
  planned_prompt_tokens_ = most - prompt_tokens_left_;
  if (!std::is_sorted(planned_.begin(), planned_.end(), in_order_of_pages))
    std::sort(planned_.begin(), planned_.end(), in_order_of_pages);

  chunks_.clear();
  for (const auto* sequence : planned_) {
    const auto tokens =
        std::span(sequence->tokens)
            .subspan(static_cast<std::size_t>(sequence->computed), static_cast<std::size_t>(sequence->planned));
    chunks_.push_back({tokens, sequence->computed, sequence->pages});
  }
  place_outputs();
  return chunks_;
}

void Scheduler::plan_prompt(Sequence& sequence) {
  const auto before = sequence.computed;
  const bool can_go_on = pages_.take_known(sequence);
  if (sequence.is_counted) cached_tokens_ += sequence.computed - before;
  if (!can_go_on) return;
  const auto& request = *sequence.request;
  const auto given = length(request.tokens);
  auto end = std::min(given, sequence.computed + prompt_tokens_left_);
  std::int64_t outputs = end == given ? 1 : 0;
  if (request.wants_outputs) {
    const auto first = std::max(sequence.computed, request.first_output);
    end = std::min(end, first + output_rows_left_);
    outputs = std::max<std::int64_t>(end - first, 0);
    output_rows_left_ -= outputs;
  }
  if (end == sequence.computed) return;
  prompt_tokens_left_ -= end - sequence.computed;
  plan_tokens(sequence, end - sequence.computed, outputs);
  pages_.promise(sequence);
}

void Scheduler::plan_tokens(Sequence& sequence, std::int64_t count, std::int64_t outputs) {
  sequence.planned = count;
  sequence.num_outputs = outputs;
  pages_.grow(sequence, sequence.computed + count);
  planned_.push_back(&sequence);
}

void Scheduler::place_outputs() {
  std::int64_t rows = 0;
  for (const auto* sequence : planned_) rows += sequence->num_outputs;
  // They only grow, so that a steady state allocates nothing.
  const auto size = static_cast<std::size_t>(rows * output_width_);
  if (outputs_.size() < size) outputs_.resize(size);
  rows_.clear();
  for (std::int64_t row = 0; row < rows; ++row) rows_.push_back(outputs_.data() + row * output_width_);
  std::span<float* const> left = rows_;
  for (std::size_t i = 0; i < planned_.size(); ++i) {
    auto& sequence = *planned_[i];
    const auto count = static_cast<std::size_t>(sequence.num_outputs);
    chunks_[i].outputs = left.first(count);
    sequence.outputs = count > 0 ? left.front() : nullptr;
    left = left.subspan(count);
  }
}

std::vector<RunningRequest*> Scheduler::planned_requests() const {
  std::vector<RunningRequest*> requests;
  for (const auto* sequence : planned_) requests.push_back(sequence->request);
  std::sort(requests.begin(), requests.end(), [](const auto* left, const auto* right) { return left->id < right->id; });
  requests.erase(std::unique(requests.begin(), requests.end()), requests.end());
  return requests;
}

void Scheduler::advance() {
  for (auto* sequence : planned_) {
    sequence->computed += sequence->planned;
    if (sequence->state == State::kPrompt && sequence->is_counted) computed_tokens_ += sequence->planned;
    sequence->planned = 0;
    pages_.enter_full(*sequence);
  }
  for (auto* sequence : planned_) {
    const bool has_prompt =
        sequence->state == State::kPrompt && sequence->computed == length(sequence->request->tokens);
    if (has_prompt && !sequence->request->wants_outputs) prompt_is_known(*sequence);
  }
}

void Scheduler::prompt_is_known(Sequence& sequence) {
  sequence.state = State::kDecoding;
  if (!options_.share_pages) return;
  auto& request = *sequence.request;
  request.prompt = Prompt::kKnown;
  for (const auto& other : running_) {
    if (other->request != &request || other->state != State::kAwaitsPrompt) continue;
    pages_.take_prompt(*other, sequence.pages, sequence.entries);
    other->state = State::kDecoding;
    other->outputs = sequence.outputs;
  }
  if (request.begun < request.num_samples) {
    pages_.keep_prompt(request, sequence);
    request.prompt_outputs.assign(sequence.outputs, sequence.outputs + output_width_);
  }
}

// ---- The end

void Scheduler::end(Sequence& sequence) {
  pages_.release(sequence);
  is_hopeless_ = false;
  sequence.state = State::kEnded;
  --sequence.request->num_running;
}

void Scheduler::sweep() {
  std::erase_if(running_, [](const auto& sequence) { return sequence->state == State::kEnded; });
}

std::int64_t Scheduler::num_waiting() const {
  std::int64_t waiting = 0;
  for (const auto* request : waiting_) waiting += request->num_samples - request->begun;
  return waiting;
}

void Scheduler::check() const {
  std::int64_t reserved = 0;
  for (const auto& sequence : running_) {
    reserved += sequence->reserve;
    const auto shared = sequence->state == State::kAwaitsPrompt ? length(sequence->request->tokens) / page_tokens_ : 0;
    const auto pages = static_cast<std::int64_t>(sequence->pages.size()) + sequence->reserve + shared;
    DROVER_CHECK(sequence->state == State::kEnded || pages == pages_.num_pages(sequence->longest),
                 "A sequence has or may take {} pages, not {}", pages, pages_.num_pages(sequence->longest));
  }
  DROVER_CHECK(reserved == pool_.reserved(), "{} pages are reserved, but the sequences have a reserve of {}",
               pool_.reserved(), reserved);
}

}  // namespace drover::engine
