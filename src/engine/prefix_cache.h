#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "engine/page_pool.h"
#include "text/token_id.h"

namespace drover::engine {

/// A page in the tree of known token sequences: the tokens of the pages on the way from the root, and its own. Pages
/// with fewer tokens than a page holds are the tails of sequences that ended; nothing comes after them. A page that a
/// sequence has set out to compute is in the tree as a promise, so that no second one computes it.
class CachedPage {
 public:
  PageId page() const { return page_; }
  std::span<const text::TokenId> tokens() const { return tokens_; }
  bool is_promise() const { return promised_by_ != nullptr; }

 private:
  friend class PrefixCache;
  struct InDictionaryOrder {
    bool operator()(std::span<const text::TokenId> left, std::span<const text::TokenId> right) const;
  };

  std::vector<text::TokenId> tokens_;
  CachedPage* parent_ = nullptr;
  PageId page_{-1};
  const void* promised_by_ = nullptr;
  std::int64_t last_use_ = 0;
  std::map<std::span<const text::TokenId>, std::unique_ptr<CachedPage>, InDictionaryOrder>
      next_;  // the keys are the pages' own tokens
};

/// The known token sequences of one model and the pages that hold their keys and values: a radix tree cut at pages. It
/// keeps pages that nobody holds until their room is needed; the least recently used goes first, among those that
/// nothing comes after. For one thread.
class PrefixCache {
 public:
  PrefixCache(PagePool& pool, std::int64_t page_tokens);
  ~PrefixCache();
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  CachedPage& root() { return root_; }

  /// The page after `parent` that holds exactly these tokens, or a promise of it; nullptr when there is none.
  CachedPage* find(CachedPage& parent, std::span<const text::TokenId> tokens) const;

  /// The page after `parent` that agrees longest with the first of `tokens`.
  struct Agreement {
    CachedPage* page = nullptr;   ///< nullptr when none agrees in its first token
    std::int64_t num_tokens = 0;  ///< how many agree
    bool comes_soon = false;      ///< the best one is a promise that agrees in at least half a page: worth waiting for
  };
  Agreement find_longest(CachedPage& parent, std::span<const text::TokenId> tokens) const;

  /// Notes that `owner` is about to compute a page. Returns nullptr when another has promised it.
  CachedPage* promise(CachedPage& parent, std::span<const text::TokenId> tokens, const void* owner);
  /// Takes back the promises of `owner` for the next full pages of `tokens` after `parent`.
  void withdraw(CachedPage& parent, std::span<const text::TokenId> tokens, const void* owner);

  /// Enters a full page that was computed and is held. When another page holds the same already, that one is returned.
  CachedPage& enter(CachedPage& parent, std::span<const text::TokenId> tokens, PageId page);
  /// Enters the tail of a sequence that ended, unless its tokens are known.
  void enter_tail(CachedPage& parent, std::span<const text::TokenId> tokens, PageId page);

  /// Pages of the tree and others: as PagePool's, and keeps the order of use.
  void hold(PageId page);
  void release(PageId page);

  /// Frees the least recently used page that nobody holds; false when there is none.
  bool discard_one();

  /// Checks the tree against the pool. Slow: for tests.
  void check() const;

 private:
  struct LessRecentlyUsed {
    bool operator()(const CachedPage* left, const CachedPage* right) const {
      return left->last_use_ != right->last_use_ ? left->last_use_ < right->last_use_ : left->page_ < right->page_;
    }
  };

  CachedPage& insert(CachedPage& parent, std::span<const text::TokenId> tokens);
  void erase(CachedPage& page);
  void set_page(CachedPage& entry, PageId page);
  CachedPage* entry_of(PageId page) const;
  bool is_discardable(const CachedPage& page) const;
  std::int64_t check(const CachedPage& parent) const;

  PagePool& pool_;
  const std::int64_t page_tokens_;
  CachedPage root_;
  std::vector<CachedPage*> entries_;  // of each page id
  std::set<CachedPage*, LessRecentlyUsed> discardable_;
  std::int64_t clock_ = 0;
};

}  // namespace drover::engine
