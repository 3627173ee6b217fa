#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/grammar_walk.h"
#include "engine/token_mask.h"
#include "engine/vocabulary_trie.h"

namespace drover::engine {

/// Finds the tokens that a grammar allows, and remembers them by state (after the adaptive token masks of XGrammar, Dong et al. 2024,
/// arXiv:2411.15100): what a token can do within the rule at hand depends on the state only. Tokens that outlive the rule are kept as
/// the places of the trie where it ended; what they go on with is remembered by the state of the caller, and so on. Safe to use from
/// many threads at once.
class MaskMemory {
 public:
  /// `banned` tokens are never allowed by their spelling.
  MaskMemory(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const VocabularyTrie> vocabulary,
             std::vector<text::TokenId> banned = {}, std::size_t most_bytes = std::size_t{128} << 20);

  /// Inserts every token that may follow one of the standings.
  void insert_allowed(std::span<const Standing> standings, TokenMask& mask) const;

  const Grammar& grammar() const { return *grammar_; }
  const VocabularyTrie& vocabulary() const { return *vocabulary_; }

 private:
  /// What may follow a state (or the state to which a call returns), when nothing else is known.
  struct Entry {
    std::vector<std::int32_t> tokens{};    // when they are few
    std::vector<std::uint64_t> words{};    // else, 64 tokens a word
    std::vector<std::int32_t> endings{};   // trie nodes that go on after the rule has ended
    std::unordered_map<std::int32_t, std::shared_ptr<const Entry>> callers{};
  };

  static void insert(const Entry& entry, TokenMask& mask);
  std::shared_ptr<Entry> found(std::int32_t state, std::int32_t depth, std::span<const std::int32_t> nodes) const;
  void insert_remembered(const Standing& standing, TokenMask& mask) const;
  void insert_searched(const Standing& standing, TokenMask& mask) const;

  std::shared_ptr<const Grammar> grammar_;
  std::shared_ptr<const VocabularyTrie> vocabulary_;
  std::unordered_set<std::int32_t> banned_;
  std::int32_t safe_depth_;  // below it no token comes near the depth limit
  std::size_t most_bytes_;
  mutable std::mutex mutex_;
  mutable std::size_t bytes_ = 0;
  mutable Entry states_;  // only its `callers`
};

}  // namespace drover::engine
