#include "engine/prefix_cache.h"

#include <algorithm>

#include "base/error.h"

namespace drover::engine {
namespace {

using Tokens = std::span<const text::TokenId>;

std::int64_t agreeing(Tokens left, Tokens right) {
  const auto [end, other] = std::mismatch(left.begin(), left.end(), right.begin(), right.end());
  return end - left.begin();
}

}  // namespace

bool CachedPage::InDictionaryOrder::operator()(Tokens left, Tokens right) const {
  return std::lexicographical_compare(left.begin(), left.end(), right.begin(), right.end());
}

PrefixCache::PrefixCache(PagePool& pool, std::int64_t page_tokens) : pool_(pool), page_tokens_(page_tokens) {}

// Level by level: the destructors of a long sequence's pages, one inside the other, would need a deep stack.
PrefixCache::~PrefixCache() {
  std::vector<std::unique_ptr<CachedPage>> pages;
  const auto collect = [&pages](CachedPage& parent) {
    for (auto& [tokens, entry] : parent.next_) pages.push_back(std::move(entry));
    parent.next_.clear();
  };
  collect(root_);
  while (!pages.empty()) {
    const auto page = std::move(pages.back());
    pages.pop_back();
    collect(*page);
  }
}

CachedPage* PrefixCache::find(CachedPage& parent, Tokens tokens) const {
  const auto place = parent.next_.find(tokens);
  return place == parent.next_.end() ? nullptr : place->second.get();
}

PrefixCache::Agreement PrefixCache::find_longest(CachedPage& parent, Tokens tokens) const {
  Agreement known;
  std::int64_t promised = 0;
  // In dictionary order agreement falls with the distance from where the tokens themselves would stand.
  const auto look = [&](CachedPage& entry) {
    const auto count = agreeing(entry.tokens_, tokens);
    if (count == 0) return false;
    if (entry.is_promise()) {
      promised = std::max(promised, count);
      return true;
    }
    if (count > known.num_tokens) known = {&entry, count};
    return false;
  };
  const auto middle = parent.next_.lower_bound(tokens);
  for (auto place = middle; place != parent.next_.end() && look(*place->second);) ++place;
  for (auto place = middle; place != parent.next_.begin() && look(*std::prev(place)->second);) --place;
  known.comes_soon = promised > known.num_tokens && 2 * promised >= page_tokens_;
  return known;
}

CachedPage* PrefixCache::promise(CachedPage& parent, Tokens tokens, const void* owner) {
  if (auto* known = find(parent, tokens)) return known->is_promise() && known->promised_by_ != owner ? nullptr : known;
  auto& entry = insert(parent, tokens);
  entry.promised_by_ = owner;
  return &entry;
}

void PrefixCache::withdraw(CachedPage& parent, Tokens tokens, const void* owner) {
  if (static_cast<std::int64_t>(tokens.size()) < page_tokens_) return;
  const auto length = static_cast<std::size_t>(page_tokens_);
  auto* entry = find(parent, tokens.first(length));
  if (entry == nullptr || (entry->is_promise() && entry->promised_by_ != owner)) return;
  withdraw(*entry, tokens.subspan(length), owner);
  if (entry->promised_by_ == owner) erase(*entry);
}

CachedPage& PrefixCache::enter(CachedPage& parent, Tokens tokens, PageId page) {
  DROVER_CHECK(static_cast<std::int64_t>(tokens.size()) == page_tokens_, "A page of {} tokens is not full",
               tokens.size());
  auto* entry = find(parent, tokens);
  if (entry != nullptr && !entry->is_promise()) return *entry;
  if (entry == nullptr) entry = &insert(parent, tokens);
  set_page(*entry, page);
  return *entry;
}

void PrefixCache::enter_tail(CachedPage& parent, Tokens tokens, PageId page) {
  const auto place = parent.next_.lower_bound(tokens);
  const auto length = static_cast<std::int64_t>(tokens.size());
  if (place != parent.next_.end() && agreeing(place->second->tokens_, tokens) == length) return;
  set_page(insert(parent, tokens), page);
}

void PrefixCache::hold(PageId page) {
  if (auto* entry = entry_of(page)) discardable_.erase(entry);
  pool_.hold(page);
}

void PrefixCache::release(PageId page) {
  const bool was_last = pool_.release(page);
  auto* entry = entry_of(page);
  if (!was_last || entry == nullptr) return;
  entry->last_use_ = ++clock_;
  if (is_discardable(*entry)) discardable_.insert(entry);
}

bool PrefixCache::discard_one() {
  if (discardable_.empty()) return false;
  auto* entry = *discardable_.begin();
  discardable_.erase(discardable_.begin());
  entries_[static_cast<std::size_t>(entry->page_)] = nullptr;
  pool_.drop(entry->page_);
  erase(*entry);
  return true;
}

CachedPage& PrefixCache::insert(CachedPage& parent, Tokens tokens) {
  if (&parent != &root_) discardable_.erase(&parent);
  auto entry = std::make_unique<CachedPage>();
  entry->tokens_.assign(tokens.begin(), tokens.end());
  entry->parent_ = &parent;
  auto& kept = *entry;
  parent.next_.emplace(kept.tokens_, std::move(entry));
  return kept;
}

void PrefixCache::erase(CachedPage& page) {
  DROVER_CHECK(page.next_.empty(), "A page is discarded before those after it");
  auto& parent = *page.parent_;
  parent.next_.erase(parent.next_.find(page.tokens_));
  if (&parent != &root_ && is_discardable(parent)) discardable_.insert(&parent);
}

void PrefixCache::set_page(CachedPage& entry, PageId page) {
  pool_.keep(page);
  entry.page_ = page;
  entry.promised_by_ = nullptr;
  const auto index = static_cast<std::size_t>(page);
  if (entries_.size() <= index) entries_.resize(index + 1);
  entries_[index] = &entry;
}

CachedPage* PrefixCache::entry_of(PageId page) const {
  const auto index = static_cast<std::size_t>(page);
  return index < entries_.size() ? entries_[index] : nullptr;
}

bool PrefixCache::is_discardable(const CachedPage& page) const {
  return !page.is_promise() && page.next_.empty() && pool_.holders(page.page_) == 0;
}

void PrefixCache::check() const {
  const auto unheld = check(root_);
  DROVER_CHECK(unheld == pool_.cached(), "{} pages of the tree are held by nobody, {} pages are cached", unheld,
               pool_.cached());
}

std::int64_t PrefixCache::check(const CachedPage& parent) const {
  std::int64_t unheld = 0;
  for (const auto& [tokens, entry] : parent.next_) {
    DROVER_CHECK(entry->parent_ == &parent && tokens.data() == entry->tokens_.data(), "The tree is torn");
    DROVER_CHECK(entry->next_.empty() || static_cast<std::int64_t>(tokens.size()) == page_tokens_,
                 "Something comes after a tail");
    unheld += check(*entry);
    if (entry->is_promise()) continue;
    DROVER_CHECK(entry_of(entry->page_) == entry.get(), "Page {} does not know its entry",
                 static_cast<std::int32_t>(entry->page_));
    const bool held = pool_.holders(entry->page_) > 0;
    unheld += held ? 0 : 1;
    DROVER_CHECK(!held || &parent == &root_ || parent.is_promise() || pool_.holders(parent.page_) > 0,
                 "A page is held, but not the one before it");
    DROVER_CHECK(discardable_.contains(entry.get()) == is_discardable(*entry), "The order of use has lost a page");
  }
  return unheld;
}

}  // namespace drover::engine
