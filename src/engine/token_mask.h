#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "text/token_id.h"

namespace drover::engine {

/// A set of token ids of one vocabulary, one bit each.
class TokenMask {
 public:
  /// The empty set over ids 0 .. vocab_size-1.
  explicit TokenMask(std::int64_t vocab_size)
      : vocab_size_(vocab_size), words_(static_cast<std::size_t>((vocab_size + 63) / 64)) {}

  std::int64_t vocab_size() const { return vocab_size_; }
  bool contains(text::TokenId id) const { return (words_[word_of(id)] >> bit_of(id) & 1U) != 0; }
  void insert(text::TokenId id) { words_[word_of(id)] |= std::uint64_t{1} << bit_of(id); }
  void erase(text::TokenId id) { words_[word_of(id)] &= ~(std::uint64_t{1} << bit_of(id)); }
  void clear() { words_.assign(words_.size(), 0); }

  /// 64 ids a word, the lowest id in the lowest bit.
  std::span<const std::uint64_t> words() const { return words_; }
  std::span<std::uint64_t> words() { return words_; }

 private:
  static std::size_t word_of(text::TokenId id) { return static_cast<std::size_t>(text::to_int(id)) / 64; }
  static unsigned bit_of(text::TokenId id) { return static_cast<unsigned>(text::to_int(id)) % 64; }

  std::int64_t vocab_size_;
  std::vector<std::uint64_t> words_;
};

}  // namespace drover::engine
