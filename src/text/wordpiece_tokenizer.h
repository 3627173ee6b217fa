#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/added_tokens.h"
#include "text/special_frame.h"
#include "text/text_normalizer.h"
#include "text/tokenizer.h"

namespace drover::text {

/// WordPiece of BERT: text is normalised, cut at blanks and punctuation, and each word becomes the longest piece that
/// begins it, then the longest continuation, and so on; a word that cannot be covered is one unknown piece.
///
/// Encoding loses case, accents and white space where the normalizer says so. Bytes that are no UTF-8 are dropped by
/// `clean_text`; without it they make their word unknown.
class WordPieceTokenizer final : public Tokenizer {
 public:
  using Vocabulary = std::unordered_map<std::string, std::int32_t>;

  struct Parts {
    Vocabulary vocabulary;
    std::string continuing_prefix = "##";  ///< begins the spelling of pieces that continue a word
    std::int32_t unk_id = 0;
    std::size_t max_characters_per_word = 100;  ///< longer words are unknown
    TextNormalizer normalizer;
    AddedTokens added;
    AddedTokens added_normalized;    ///< the `normalized` ones by their spelling after normalization
    std::vector<std::string> bytes;  ///< by id: what the piece stands for in the middle of a text, its blank included
    std::vector<std::string> first_bytes;  ///< by id: the same at the start of a text
    SpecialFrame frame;
    std::optional<TokenId> bos, eos;
    std::string hash;
  };
  explicit WordPieceTokenizer(Parts parts);

  void encode_into(std::string_view text, const EncodeOptions& options, std::vector<TokenId>& out) const override;
  std::string decode(std::span<const TokenId> ids, const DecodeOptions& options) const override;
  std::string_view bytes_of(TokenId id) const override;
  std::int32_t vocab_size() const override { return static_cast<std::int32_t>(parts_.bytes.size()); }
  bool is_special(TokenId id) const override { return parts_.added.is_special(id); }
  std::optional<TokenId> special(std::string_view spelling) const override { return parts_.added.find(spelling); }
  std::optional<TokenId> bos() const override { return parts_.bos; }
  std::optional<TokenId> eos() const override { return parts_.eos; }
  std::string hash() const override { return parts_.hash; }

 private:
  void encode_plain(std::string_view text, const EncodeOptions& options, std::vector<TokenId>& out) const;
  void encode_words(std::string_view normal, std::vector<TokenId>& out) const;
  void encode_word(std::string_view word, std::vector<TokenId>& out) const;

  Parts parts_;
  std::size_t longest_piece_ = 0;  // bytes of the longest spelling
};

}  // namespace drover::text
