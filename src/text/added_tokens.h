#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/token_id.h"

namespace drover::base {
class FieldHasher;
}

namespace drover::text {

/// One entry of `added_tokens`: a string that becomes one token wherever it stands, before any other splitting.
struct AddedToken {
  std::string content;
  TokenId id = kNoToken;
  bool special = false;      ///< recognised only with EncodeOptions.parse_special
  bool lstrip = false;       ///< takes the white space before it along
  bool rstrip = false;       ///< takes the white space after it along
  bool normalized = false;   ///< looked for in the normalised text, after the others
  bool single_word = false;  ///< only where no word character touches it
};

/// A stretch of text: plain when `id` is kNoToken, else an added token.
struct TextPart {
  std::string_view text;
  TokenId id = kNoToken;
};

/// Splits text at added tokens as Hugging Face tokenizers does: leftmost first, the longest at one place. A special
/// token that may not be parsed still hides shorter added tokens inside itself.
class AddedTokens {
 public:
  /// When each group is looked for: on the raw text first, then on each plain part after the normalizer ran.
  enum class Group { kRaw, kNormalized };

  AddedTokens() = default;
  /// Throws UserError for a token without content or id. When a spelling occurs twice the later entry counts.
  explicit AddedTokens(std::vector<AddedToken> tokens);
  AddedTokens(const AddedTokens&) = delete;  // the maps hold views into the tokens
  AddedTokens& operator=(const AddedTokens&) = delete;
  AddedTokens(AddedTokens&&) = default;
  AddedTokens& operator=(AddedTokens&&) = default;

  /// Whether `split` could find anything at all; false lets callers skip it.
  bool may_split(Group group, bool parse_special) const;

  /// Appends the parts of `text`, in order, views into it. Plain parts are not empty and never touch each other. Tokens
  /// overlap where one begins within the blanks that the one before it took along.
  void split(std::string_view text, Group group, bool parse_special, std::vector<TextPart>& out) const;

  const std::vector<AddedToken>& tokens() const { return tokens_; }
  std::optional<TokenId> find(std::string_view spelling) const;
  const AddedToken* by_id(TokenId id) const;
  bool is_special(TokenId id) const;

  /// Adds everything that decides ids to a hash.
  void hash_into(base::FieldHasher& hasher) const;

 private:
  /// The tokens of one group as a trie over bytes; node 0 is the root.
  struct Trie {
    std::unordered_map<std::uint64_t, std::uint32_t> children;  ///< node * 256 + byte -> node
    std::vector<std::int32_t> token_at;                         ///< index into tokens_, or -1
    std::array<bool, 256> first_bytes{};
    int only_first_byte = -1;  ///< set when every token begins with this byte
    bool has_plain = false;    ///< some token is not special
    bool has_any = false;
  };
  struct Match {
    std::size_t begin;
    std::size_t end;
    std::int32_t token;
  };

  void insert(Trie& trie, std::string_view content, std::int32_t token);
  std::optional<Match> next_match(const Trie& trie, std::string_view text, std::size_t from) const;
  const Trie& trie_of(Group group) const { return group == Group::kRaw ? raw_ : normalized_; }

  std::vector<AddedToken> tokens_;
  std::unordered_map<std::string_view, std::size_t> by_spelling_;
  std::unordered_map<std::int32_t, std::size_t> by_id_;
  Trie raw_;
  Trie normalized_;
};

}  // namespace drover::text
