#include "engine/sequence_pages.h"

#include <algorithm>

#include "base/error.h"

namespace drover::engine {
namespace {

std::int64_t length(const std::vector<text::TokenId>& tokens) { return static_cast<std::int64_t>(tokens.size()); }

}  // namespace

SequencePages::SequencePages(PagedModel& model, PagePool& pool, PrefixCache& cache, bool are_shared)
    : model_(model), pool_(pool), cache_(cache), page_tokens_(model.page_tokens()), are_shared_(are_shared) {}

void SequencePages::take_prompt(Sequence& sequence, std::span<const PageId> pages,
                                std::span<CachedPage* const> entries) {
  const auto given = length(sequence.request->tokens);
  const auto full = static_cast<std::size_t>(given / page_tokens_);
  for (std::size_t i = 0; i < full; ++i) {
    cache_.hold(pages[i]);
    sequence.pages.push_back(pages[i]);
    sequence.entries.push_back(entries[i]);
  }
  if (pages.size() > full) {
    const auto copy = take_page(sequence);
    model_.copy_page(pages[full], copy, given % page_tokens_);
  }
  sequence.computed = given;
  sequence.promised_pages = static_cast<std::int64_t>(full);
}

void SequencePages::keep_prompt(RunningRequest& request, const Sequence& sequence) {
  for (const auto page : sequence.pages) cache_.hold(page);
  request.prompt_pages = sequence.pages;
  request.prompt_entries = sequence.entries;
}

void SequencePages::release_prompt(RunningRequest& request) {
  while (!request.prompt_pages.empty()) {
    cache_.release(request.prompt_pages.back());
    request.prompt_pages.pop_back();
  }
  request.prompt_entries.clear();
}

std::span<const text::TokenId> SequencePages::next_shareable(const Sequence& sequence) const {
  const auto count = std::clamp<std::int64_t>(sequence.shareable - sequence.computed, 0, page_tokens_);
  return std::span(sequence.tokens)
      .subspan(static_cast<std::size_t>(sequence.computed), static_cast<std::size_t>(count));
}

/// The page that continues the sequence, when it is full and computed.
CachedPage* SequencePages::next_known_page(const Sequence& sequence) const {
  const auto tokens = next_shareable(sequence);
  if (sequence.computed % page_tokens_ != 0 || static_cast<std::int64_t>(tokens.size()) < page_tokens_) return nullptr;
  auto* entry = cache_.find(last_entry(sequence), tokens);
  return entry == nullptr || entry->is_promise() ? nullptr : entry;
}

void SequencePages::take_known_page(Sequence& sequence, CachedPage& entry) {
  cache_.hold(entry.page());
  sequence.pages.push_back(entry.page());
  sequence.entries.push_back(&entry);
  sequence.computed += page_tokens_;
  sequence.promised_pages = std::max(sequence.promised_pages, static_cast<std::int64_t>(sequence.entries.size()));
}

bool SequencePages::take_known(Sequence& sequence) {
  while (auto* entry = next_known_page(sequence)) {
    take_known_page(sequence, *entry);
    --sequence.reserve;
    pool_.return_reserve(1);
  }
  bool comes_soon = false;
  if (const auto tokens = next_shareable(sequence); sequence.computed % page_tokens_ == 0 && !tokens.empty()) {
    const auto agreement = cache_.find_longest(last_entry(sequence), tokens);
    comes_soon = agreement.comes_soon;
    if (!comes_soon && agreement.page != nullptr) {
      const auto copy = take_page(sequence);
      model_.copy_page(agreement.page->page(), copy, agreement.num_tokens);
      sequence.computed += agreement.num_tokens;
    }
  }
  return !comes_soon;
}

void SequencePages::take_known_full(Sequence& sequence) {
  while (auto* entry = next_known_page(sequence)) take_known_page(sequence, *entry);
}

void SequencePages::grow(Sequence& sequence, std::int64_t num_tokens) {
  const auto pages = num_pages(num_tokens);
  while (static_cast<std::int64_t>(sequence.pages.size()) < pages) take_page(sequence);
}

PageId SequencePages::take_page(Sequence& sequence) {
  DROVER_CHECK(sequence.reserve > 0, "A sequence of {} pages has no page left", sequence.pages.size());
  --sequence.reserve;
  const auto page = pool_.take();
  sequence.pages.push_back(page);
  return page;
}

void SequencePages::promise(Sequence& sequence) {
  if (!are_shared_) return;
  const auto full = length(sequence.tokens) / page_tokens_;
  const auto end = std::min(full, num_pages(sequence.computed + sequence.planned));
  auto* parent = &last_entry(sequence);
  for (auto page = static_cast<std::int64_t>(sequence.entries.size()); page < end && parent != nullptr; ++page) {
    parent = cache_.promise(*parent, tokens_of_page(sequence, page), &sequence);
    sequence.promised_pages = std::max(sequence.promised_pages, page + 1);
  }
}

void SequencePages::enter_full(Sequence& sequence) {
  if (!are_shared_) return;
  while ((static_cast<std::int64_t>(sequence.entries.size()) + 1) * page_tokens_ <= sequence.computed) {
    const auto index = sequence.entries.size();
    auto& page = sequence.pages[index];
    auto& entry = cache_.enter(last_entry(sequence), tokens_of_page(sequence, static_cast<std::int64_t>(index)), page);
    if (entry.page() != page) {  // another sequence came to the same tokens: one of the two pages is enough
      cache_.hold(entry.page());
      cache_.release(page);
      page = entry.page();
    }
    sequence.entries.push_back(&entry);
  }
}

void SequencePages::release(Sequence& sequence) {
  const auto full = static_cast<std::int64_t>(sequence.entries.size());
  if (sequence.promised_pages > full) {
    const auto first = static_cast<std::size_t>(full * page_tokens_);
    const auto count = static_cast<std::size_t>((sequence.promised_pages - full) * page_tokens_);
    cache_.withdraw(last_entry(sequence), std::span(sequence.tokens).subspan(first, count), &sequence);
  }
  if (const auto tail = sequence.computed - full * page_tokens_; are_shared_ && tail > 0) {
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

std::span<const text::TokenId> SequencePages::tokens_of_page(const Sequence& sequence, std::int64_t page) const {
  return std::span(sequence.tokens)
      .subspan(static_cast<std::size_t>(page * page_tokens_), static_cast<std::size_t>(page_tokens_));
}

}  // namespace drover::engine
