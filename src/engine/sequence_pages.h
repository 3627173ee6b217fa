#pragma once

#include <cstdint>
#include <span>

#include "engine/paged_model.h"
#include "engine/running_request.h"

namespace drover::engine {

/// How sequences come to their pages: found in the cache, shared with samples of the same prompt, copied, taken out of
/// their reserve; and how others come to know of them. For one thread.
class SequencePages {
 public:
  /// Where pages are not shared, a sequence only takes new ones.
  SequencePages(PagedModel& model, PagePool& pool, PrefixCache& cache, bool are_shared);

  /// Pages that hold so many tokens.
  std::int64_t num_pages(std::int64_t num_tokens) const { return (num_tokens + page_tokens_ - 1) / page_tokens_; }

  /// Holds the known full pages of a sequence that has no reserve yet.
  void take_known_full(Sequence& sequence);
  /// Takes over what others have computed since, to the token. False when the next page is about to come from another
  /// sequence.
  bool take_known(Sequence& sequence);
  /// Takes pages out of the reserve until there are enough for so many tokens.
  void grow(Sequence& sequence, std::int64_t num_tokens);

  /// Tells the others which pages the planned tokens complete or begin.
  void promise(Sequence& sequence);
  /// Enters the full pages that were computed. Where another sequence came to the same tokens, one of the two pages is
  /// given back.
  void enter_full(Sequence& sequence);
  /// Gives back all pages and the reserve; what was computed stays known as long as there is room.
  void release(Sequence& sequence);

  /// Gives a sample the prompt's pages: the full ones shared, the last one copied, because the sample is going to write
  /// to it.
  void take_prompt(Sequence& sequence, std::span<const PageId> pages, std::span<CachedPage* const> entries);
  /// Holds the prompt's pages for samples that have not begun.
  void keep_prompt(RunningRequest& request, const Sequence& sequence);
  void release_prompt(RunningRequest& request);

 private:
  CachedPage& last_entry(const Sequence& sequence) const {
    return sequence.entries.empty() ? cache_.root() : *sequence.entries.back();
  }
  std::span<const text::TokenId> next_shareable(const Sequence& sequence) const;
  std::span<const text::TokenId> tokens_of_page(const Sequence& sequence, std::int64_t page) const;
  CachedPage* next_known_page(const Sequence& sequence) const;
  void take_known_page(Sequence& sequence, CachedPage& entry);
  PageId take_page(Sequence& sequence);

  PagedModel& model_;
  PagePool& pool_;
  PrefixCache& cache_;
  const std::int64_t page_tokens_;
  const bool are_shared_;
};

}  // namespace drover::engine
