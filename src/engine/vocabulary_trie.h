#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/token_id.h"
#include "text/tokenizer.h"

namespace drover::engine {

/// What automata read: a byte (0 to 255), or a whole control token (kFirstTokenSymbol and up, numbered by VocabularyTrie).
using Symbol = std::int32_t;
inline constexpr Symbol kFirstTokenSymbol = 256;

/// The spellings of a tokenizer's tokens as a trie, laid out in preorder: a walk that cuts a dead branch jumps to the branch's end.
/// Control tokens are not spelled: each is one symbol of its own below the root. Tokens without a spelling are left out. Immutable;
/// build it once for a tokenizer and share it.
class VocabularyTrie {
 public:
  explicit VocabularyTrie(const text::Tokenizer& tokenizer);

  /// Number of nodes; node 0 is the root, the children of a node follow it.
  std::int32_t num_nodes() const { return static_cast<std::int32_t>(symbols_.size()); }
  /// The symbol that leads to the node from its parent; -1 for the root.
  Symbol symbol(std::int32_t node) const { return symbols_[static_cast<std::size_t>(node)]; }
  /// One past the last node below this one.
  std::int32_t end(std::int32_t node) const { return ends_[static_cast<std::size_t>(node)]; }
  bool has_children(std::int32_t node) const { return end(node) > node + 1; }
  /// The tokens that end at the node; several when their spellings are equal.
  std::span<const text::TokenId> tokens(std::int32_t node) const {
    const auto at = static_cast<std::size_t>(node);
    return std::span(tokens_).subspan(first_tokens_[at], first_tokens_[at + 1] - first_tokens_[at]);
  }

  /// The symbols of a token in the middle of a text; empty for a token that is never allowed.
  std::vector<Symbol> spelling(text::TokenId id) const;
  /// The symbol of an added or special token, by its exact spelling.
  std::optional<Symbol> token_symbol(std::string_view spelling) const;
  /// The symbol of a token that is added but no control token: it stands for its spelling, and for this.
  std::optional<Symbol> whole_symbol(text::TokenId id) const;
  /// The id behind such a symbol.
  text::TokenId token_of(Symbol symbol) const;

  /// Whether one token spells exactly this byte, so that a text can always go on with it.
  bool spells_byte(int byte) const { return spelled_bytes_[static_cast<std::size_t>(byte)]; }

  std::int32_t vocab_size() const { return vocab_size_; }
  /// The bytes of the longest token.
  std::int32_t longest_token() const { return longest_token_; }
  /// The most opening brackets, "[" and "{", that one token holds: how much deeper JSON can get with it.
  std::int32_t most_brackets() const { return most_brackets_; }

 private:
  void build(const std::vector<std::pair<std::string_view, text::TokenId>>& sorted);

  std::int32_t vocab_size_ = 0;
  std::int32_t longest_token_ = 0;
  std::int32_t most_brackets_ = 0;
  std::vector<Symbol> symbols_;
  std::vector<std::int32_t> ends_;
  std::vector<std::uint32_t> first_tokens_;
  std::vector<text::TokenId> tokens_;
  std::vector<bool> spelled_bytes_;
  std::vector<std::string> spellings_;                    // by id; empty for control tokens
  std::vector<text::TokenId> token_symbols_;              // by symbol - kFirstTokenSymbol
  std::unordered_map<std::string, Symbol> added_tokens_;  // by spelling
  std::unordered_map<std::int32_t, Symbol> control_symbols_;  // by id, of control tokens
};

}  // namespace drover::engine
