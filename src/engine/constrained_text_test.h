#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/random_stream.h"
#include "engine/token_constraint.h"
#include "engine/token_mask.h"
#include "text/tokenizer.h"

namespace drover::engine {

inline TokenMask mask_of(const TokenConstraint& constraint, const text::Tokenizer& tokenizer) {
  TokenMask mask(tokenizer.vocab_size());
  constraint.insert_allowed(mask);
  return mask;
}

/// Accepts tokens while they are allowed; the number that were.
inline std::size_t accept_all(TokenConstraint& constraint, const text::Tokenizer& tokenizer, const std::vector<text::TokenId>& ids) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!mask_of(constraint, tokenizer).contains(ids[i])) return i;
    constraint.accept(ids[i]);
  }
  return ids.size();
}

/// The tokens of single bytes, in a vocabulary that begins with all of them.
inline std::vector<text::TokenId> byte_tokens(std::string_view text) {
  std::vector<text::TokenId> ids;
  for (const char c : text) ids.push_back(text::TokenId{static_cast<unsigned char>(c)});
  return ids;
}

/// The first byte of `text` that is not allowed; its length when all are and the text may end there; one more when it may not.
inline std::size_t first_wrong_byte(const TokenConstraint& constraint, const text::Tokenizer& tokenizer, std::string_view text) {
  const auto state = constraint.copy();
  const std::size_t accepted = accept_all(*state, tokenizer, byte_tokens(text));
  if (accepted < text.size()) return accepted;
  return state->may_end() ? accepted : accepted + 1;
}

inline bool accepts(const TokenConstraint& constraint, const text::Tokenizer& tokenizer, std::string_view text) {
  return first_wrong_byte(constraint, tokenizer, text) == text.size();
}

/// Goes on from a state with tokens drawn evenly from its masks; after `patience` tokens it takes what closes values. Nothing when no end
/// came in 5000 tokens.
inline std::optional<std::string> sampled_rest(TokenConstraint& state, const text::Tokenizer& tokenizer, base::RandomStream& random,
                                               std::size_t patience) {
  std::string text;
  for (std::size_t i = 0; i < 5000; ++i) {
    const TokenMask mask = mask_of(state, tokenizer);
    std::vector<text::TokenId> allowed;
    for (std::int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
      if (mask.contains(text::TokenId{id})) allowed.push_back(text::TokenId{id});
    }
    if (state.may_end() && (allowed.empty() || i > patience || random.below(4) == 0)) return text;
    if (allowed.empty()) return std::nullopt;
    text::TokenId next = allowed[random.below(allowed.size())];
    if (i > patience) {
      for (const char closing : {']', '}', 'x', '"'}) {  // the last one that fits; "x" is what a pattern of the tests waits for
        const text::TokenId id{static_cast<unsigned char>(closing)};
        if (mask.contains(id)) next = id;
      }
    }
    state.accept(next);
    text += tokenizer.bytes_of(next);
  }
  return std::nullopt;
}

}  // namespace drover::engine
