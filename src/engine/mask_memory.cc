#include "engine/mask_memory.h"

#include "base/error.h"

namespace drover::engine {
namespace {

constexpr std::int32_t kRoot = 0;

}  // namespace

MaskMemory::MaskMemory(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const VocabularyTrie> vocabulary,
                       std::vector<text::TokenId> banned, std::size_t most_bytes)
    : grammar_(std::move(grammar)), vocabulary_(std::move(vocabulary)), most_bytes_(most_bytes) {
  for (const text::TokenId id : banned) banned_.insert(text::to_int(id));
  // JSON gets deeper by brackets only; a key, a value and a character in it may be open besides.
  constexpr std::int32_t kOpenBesides = 8;
  safe_depth_ = grammar_->depth_limit() - grammar_->most_needed_depth() - vocabulary_->most_brackets() - kOpenBesides;
}

void MaskMemory::insert(const Entry& entry, TokenMask& mask) {
  for (const std::int32_t token : entry.tokens) mask.insert(text::TokenId{token});
  const std::span<std::uint64_t> words = mask.words();
  for (std::size_t i = 0; i < entry.words.size(); ++i) words[i] |= entry.words[i];
}

void MaskMemory::insert_allowed(std::span<const Standing> standings, TokenMask& mask) const {
  DROVER_CHECK(mask.vocab_size() >= vocabulary_->vocab_size(), "The mask holds {} tokens, the vocabulary {}", mask.vocab_size(),
               vocabulary_->vocab_size());
  for (const Standing& standing : standings) {
    if (static_cast<std::int32_t>(standing.open.size()) <= safe_depth_) {
      insert_remembered(standing, mask);
    } else {
      insert_searched(standing, mask);
    }
  }
}

void MaskMemory::insert_remembered(const Standing& standing, TokenMask& mask) const {
  const std::lock_guard lock(mutex_);
  Entry* above = &states_;
  std::shared_ptr<Entry> unkept;  // keeps `above` alive where memory has run out
  static const std::vector<std::int32_t> kWhole = {kRoot};
  std::span<const std::int32_t> nodes = kWhole;
  std::size_t open = standing.open.size();
  for (std::int32_t state = standing.state;;) {
    const std::int32_t key = grammar_->twin(state);
    std::shared_ptr<Entry> entry;
    if (const auto known = above->callers.find(key); known != above->callers.end()) {
      entry = std::const_pointer_cast<Entry>(known->second);
    } else {
      entry = found(key, 0, nodes);
      const std::size_t size = sizeof(Entry) + 4 * entry->tokens.size() + 8 * entry->words.size() + 4 * entry->endings.size();
      if (bytes_ + size <= most_bytes_) {
        bytes_ += size;
        above->callers.emplace(key, entry);
      }
    }
    insert(*entry, mask);
    if (entry->endings.empty() || open == 0) return;
    state = standing.open[--open];
    above = entry.get();
    nodes = entry->endings;
    unkept = std::move(entry);
  }
}

void MaskMemory::insert_searched(const Standing& standing, TokenMask& mask) const {
  std::vector<std::int32_t> nodes = {kRoot};
  std::size_t open = standing.open.size();
  for (std::int32_t state = standing.state;;) {
    const std::shared_ptr<Entry> entry = found(state, static_cast<std::int32_t>(open), nodes);
    insert(*entry, mask);
    if (entry->endings.empty() || open == 0) return;
    state = standing.open[--open];
    nodes = entry->endings;
  }
}

/// Walks the branches below `nodes` from a state with `depth` open calls below it.
std::shared_ptr<MaskMemory::Entry> MaskMemory::found(std::int32_t state, std::int32_t depth, std::span<const std::int32_t> nodes) const {
  struct Level {
    std::int32_t end;          // of the branch in the trie
    std::size_t first;         // the readings at its node
    std::size_t last;
    GrammarWalk::Mark before;
  };
  auto entry = std::make_shared<Entry>();
  const VocabularyTrie& trie = *vocabulary_;
  GrammarWalk walk(*grammar_, depth);
  walk.add({.state = state});
  std::vector<Level> levels;
  for (const std::int32_t start : nodes) {
    if (grammar_->is_final(state)) entry->endings.push_back(start);
    levels.push_back({trie.end(start), 0, 1, walk.mark()});
    for (std::int32_t node = start + 1;;) {
      while (!levels.empty() && levels.back().end == node) {
        walk.cut(levels.back().before);
        levels.pop_back();
      }
      if (levels.empty()) break;
      const GrammarWalk::Mark before = walk.mark();
      const Symbol symbol = trie.symbol(node);
      walk.step(levels.back().first, levels.back().last, symbol);
      if (walk.size() == before.readings) {
        walk.cut(before);
        node = trie.end(node);
        continue;
      }
      for (const text::TokenId token : trie.tokens(node)) {
        if (symbol < kFirstTokenSymbol && !banned_.empty() && banned_.contains(text::to_int(token))) continue;
        entry->tokens.push_back(text::to_int(token));
      }
      if (trie.has_children(node)) {
        if (walk.any_may_end(before.readings, walk.size())) entry->endings.push_back(node);
        levels.push_back({trie.end(node), before.readings, walk.size(), before});
      } else {
        walk.cut(before);
      }
      ++node;
    }
  }
  const auto vocab_size = static_cast<std::size_t>(trie.vocab_size());
  if (entry->tokens.size() > vocab_size / 32) {
    entry->words.resize((vocab_size + 63) / 64);
    for (const std::int32_t token : entry->tokens) entry->words[static_cast<std::size_t>(token) / 64] |= std::uint64_t{1} << (token % 64);
    entry->tokens = {};
  }
  entry->tokens.shrink_to_fit();
  entry->endings.shrink_to_fit();
  return entry;
}

}  // namespace drover::engine
