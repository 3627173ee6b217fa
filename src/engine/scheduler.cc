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
  if (is_hopeless_) return;
  bool is_refused = false;
  while (!waiting_.empty() && static_cast<std::int64_t>(running_.size()) < options_.max_sequences && !is_refused) {
    auto& request = *waiting_.front();
    is_refused = !begin_next(request);
    if (request.begun < request.num_samples) continue;
    waiting_.pop_front();
    release_kept_prompt(request);
  }
  if (is_in_line_ && !is_refused) budget_.leave_line(member_);
  is_in_line_ = is_refused;
  // What another engine gives back is not noticed here.
  is_hopeless_ = is_refused && !budget_.is_shared();
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
  const auto need = pages_of(longest_of(request)) - length(request.tokens) / page_tokens_;
  if (!reserve(need)) return false;
  auto sequence = new_sequence(request);
  sequence->reserve = need;
  sequence->state = State::kAwaitsPrompt;
  if (request.prompt == Prompt::kKnown) {
    take_prompt(*sequence, request.prompt_pages, request.prompt_entries);
    sequence->outputs = request.prompt_outputs.data();
  }
  start(request, std::move(sequence));
  return true;
}

/// The first sample of a request, or an OutputRequest.
bool Scheduler::begin_with_prompt(RunningRequest& request) {
  auto sequence = new_sequence(request);
  // Held before room is made, so that it is not made of the pages to share.
  while (auto* entry = next_known_page(*sequence)) take_known_page(*sequence, *entry);
  const auto need = pages_of(sequence->longest) - static_cast<std::int64_t>(sequence->pages.size());
  if (!reserve(need)) {
    release_pages(*sequence);
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

std::int64_t Scheduler::most_pages_of(const RunningRequest& request) const { return pages_of(longest_of(request)); }

std::unique_ptr<Sequence> Scheduler::new_sequence(RunningRequest& request) const {
  auto sequence = std::make_unique<Sequence>();
  sequence->request = &request;
  sequence->sample = request.begun;
  const auto given = length(request.tokens);
  sequence->longest = longest_of(request);
  if (options_.share_pages) sequence->shareable = request.wants_outputs ? request.first_output : given - 1;
  sequence->tokens.reserve(static_cast<std::size_t>(sequence->longest));
  sequence->tokens = request.tokens;
  sequence->pages.reserve(static_cast<std::size_t>(pages_of(sequence->longest)));
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

// ---- Pages of prompts

/// The sample has the prompt's pages: the full ones shared, the last one copied, because the sample is going to write
/// to it.
void Scheduler::take_prompt(Sequence& sequence, std::span<const PageId> pages, std::span<CachedPage* const> entries) {
  const auto given = length(sequence.request->tokens);
  const auto full = static_cast<std::size_t>(given / page_tokens_);
  for (std::size_t i = 0; i < full; ++i) {
    cache_.hold(pages[i]);
    sequence.pages.push_back(pages[i]);
    sequence.entries.push_back(entries[i]);
  }
  if (pages.size() > full) {
    const auto copy = take_page(sequence);
    model_.copy_page(pages[full], copy);
  }
  sequence.computed = given;
  sequence.promised_pages = static_cast<std::int64_t>(full);
  sequence.state = State::kDecoding;
}

void Scheduler::keep_prompt(RunningRequest& request, const Sequence& sequence) {
  for (const auto page : sequence.pages) cache_.hold(page);
  request.prompt_pages = sequence.pages;
  request.prompt_entries = sequence.entries;
  request.prompt_outputs.assign(sequence.outputs, sequence.outputs + output_width_);
}

void Scheduler::release_kept_prompt(RunningRequest& request) {
  while (!request.prompt_pages.empty()) {
    cache_.release(request.prompt_pages.back());
    request.prompt_pages.pop_back();
  }
  request.prompt_entries.clear();
}

void Scheduler::forget_prompt(RunningRequest& request) {
  release_kept_prompt(request);
  request.prompt = Prompt::kUnknown;
}

std::span<const text::TokenId> Scheduler::next_shareable(const Sequence& sequence) const {
  const auto count = std::clamp<std::int64_t>(sequence.shareable - sequence.computed, 0, page_tokens_);
  return std::span(sequence.tokens)
      .subspan(static_cast<std::size_t>(sequence.computed), static_cast<std::size_t>(count));
}

/// The page that continues the sequence, when it is full and computed.
CachedPage* Scheduler::next_known_page(const Sequence& sequence) const {
  const auto tokens = next_shareable(sequence);
  if (sequence.computed % page_tokens_ != 0 || static_cast<std::int64_t>(tokens.size()) < page_tokens_) return nullptr;
  auto* entry = cache_.find(last_entry(sequence), tokens);
  return entry == nullptr || entry->is_promise() ? nullptr : entry;
}

void Scheduler::take_known_page(Sequence& sequence, CachedPage& entry) {
  cache_.hold(entry.page());
  sequence.pages.push_back(entry.page());
  sequence.entries.push_back(&entry);
  sequence.computed += page_tokens_;
  sequence.promised_pages = std::max(sequence.promised_pages, static_cast<std::int64_t>(sequence.entries.size()));
}

/// Takes over what others have computed since. False when the next page is about to come from another sequence.
bool Scheduler::take_known_pages(Sequence& sequence) {
  const auto before = sequence.computed;
  while (auto* entry = next_known_page(sequence)) {
    take_known_page(sequence, *entry);
    --sequence.reserve;
    pool_.return_reserve(1);
    is_hopeless_ = false;
  }
  bool comes_soon = false;
  if (const auto tokens = next_shareable(sequence); sequence.computed % page_tokens_ == 0 && !tokens.empty()) {
    const auto agreement = cache_.find_longest(last_entry(sequence), tokens);
    comes_soon = agreement.comes_soon;
    if (!comes_soon && agreement.page != nullptr) {
      const auto copy = take_page(sequence);
      model_.copy_page(agreement.page->page(), copy);
      sequence.computed += agreement.num_tokens;
    }
  }
  if (sequence.is_counted) cached_tokens_ += sequence.computed - before;
  return !comes_soon;
}

PageId Scheduler::take_page(Sequence& sequence) {
  DROVER_CHECK(sequence.reserve > 0, "A sequence of {} pages has no page left", sequence.pages.size());
  --sequence.reserve;
  const auto page = pool_.take();
  sequence.pages.push_back(page);
  return page;
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
  if (!take_known_pages(sequence)) return;
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
  if (options_.share_pages) promise_pages(sequence);
}

void Scheduler::plan_tokens(Sequence& sequence, std::int64_t count, std::int64_t outputs) {
  sequence.planned = count;
  sequence.num_outputs = outputs;
  const auto pages = pages_of(sequence.computed + count);
  while (static_cast<std::int64_t>(sequence.pages.size()) < pages) take_page(sequence);
  planned_.push_back(&sequence);
}

/// Tells the others which pages this step computes or begins.
void Scheduler::promise_pages(Sequence& sequence) {
  const auto full = length(sequence.tokens) / page_tokens_;
  const auto end = std::min(full, pages_of(sequence.computed + sequence.planned));
  auto* parent = &last_entry(sequence);
  for (auto page = static_cast<std::int64_t>(sequence.entries.size()); page < end && parent != nullptr; ++page) {
    parent = cache_.promise(*parent, tokens_of_page(sequence, page), &sequence);
    sequence.promised_pages = std::max(sequence.promised_pages, page + 1);
  }
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
    if (options_.share_pages) enter_full_pages(*sequence);
  }
  for (auto* sequence : planned_) {
    const bool has_prompt =
        sequence->state == State::kPrompt && sequence->computed == length(sequence->request->tokens);
    if (has_prompt && !sequence->request->wants_outputs) prompt_is_known(*sequence);
  }
}

void Scheduler::enter_full_pages(Sequence& sequence) {
  while ((static_cast<std::int64_t>(sequence.entries.size()) + 1) * page_tokens_ <= sequence.computed) {
    const auto index = sequence.entries.size();
    auto& page = sequence.pages[index];
    auto& entry = cache_.enter(last_entry(sequence), tokens_of_page(sequence, static_cast<std::int64_t>(index)), page);
    if (entry.page() != page) {  // another sequence came to the same tokens: one of the two pages is enough
      cache_.hold(entry.page());
      cache_.release(page);
      page = entry.page();
      is_hopeless_ = false;
    }
    sequence.entries.push_back(&entry);
  }
}

void Scheduler::prompt_is_known(Sequence& sequence) {
  sequence.state = State::kDecoding;
  if (!options_.share_pages) return;
  auto& request = *sequence.request;
  request.prompt = Prompt::kKnown;
  for (const auto& other : running_) {
    if (other->request != &request || other->state != State::kAwaitsPrompt) continue;
    take_prompt(*other, sequence.pages, sequence.entries);
    other->outputs = sequence.outputs;
  }
  if (request.begun < request.num_samples) keep_prompt(request, sequence);
}

std::span<const text::TokenId> Scheduler::tokens_of_page(const Sequence& sequence, std::int64_t page) const {
  return std::span(sequence.tokens)
      .subspan(static_cast<std::size_t>(page * page_tokens_), static_cast<std::size_t>(page_tokens_));
}

// ---- The end

void Scheduler::end(Sequence& sequence) {
  release_pages(sequence);
  is_hopeless_ = false;
  sequence.state = State::kEnded;
  --sequence.request->num_running;
}

void Scheduler::release_pages(Sequence& sequence) {
  const auto full = static_cast<std::int64_t>(sequence.entries.size());
  if (sequence.promised_pages > full) {
    const auto first = static_cast<std::size_t>(full * page_tokens_);
    const auto count = static_cast<std::size_t>((sequence.promised_pages - full) * page_tokens_);
    cache_.withdraw(last_entry(sequence), std::span(sequence.tokens).subspan(first, count), &sequence);
  }
  if (const auto tail = sequence.computed - full * page_tokens_; options_.share_pages && tail > 0) {
    const auto tokens = std::span(sequence.tokens)
                            .subspan(static_cast<std::size_t>(full * page_tokens_), static_cast<std::size_t>(tail));
    cache_.enter_tail(last_entry(sequence), tokens, sequence.pages[static_cast<std::size_t>(full)]);
  }
  while (!sequence.pages.empty()) {
    cache_.release(sequence.pages.back());
    sequence.pages.pop_back();
  }
  sequence.entries.clear();
  pool_.return_reserve(sequence.reserve);
  sequence.reserve = 0;
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
    DROVER_CHECK(sequence->state == State::kEnded || pages == pages_of(sequence->longest),
                 "A sequence has or may take {} pages, not {}", pages, pages_of(sequence->longest));
  }
  DROVER_CHECK(reserved == pool_.reserved(), "{} pages are reserved, but the sequences have a reserve of {}",
               pool_.reserved(), reserved);
}

}  // namespace drover::engine
