#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "text/added_tokens.h"
#include "text/piece_bpe.h"
#include "text/sentencepiece_normalizer.h"
#include "text/special_frame.h"
#include "text/text_normalizer.h"
#include "text/tokenizer.h"

namespace drover::text {

/// How a tokenizer.json prepares plain text for SentencePiece-style BPE.
struct MetaspacePreparation {
  TextNormalizer normalizer;
  /// The pre-tokenizer Metaspace; without it the normalizer alone writes the blanks.
  struct Metaspace {
    std::string blank{kMetaspace};
    enum class Prepend { kNever, kFirst, kAlways } prepend = Prepend::kAlways;
    bool split = true;  ///< a new word begins at every blank
  };
  std::optional<Metaspace> metaspace;
};

/// How SentencePiece itself, and GGUF files made from its models, prepare plain text.
struct SentencePiecePreparation {
  SentencePieceNormalizer normalizer;
  AddedTokens kept_whole;  ///< the user-defined pieces
};

/// SentencePiece-style BPE: Llama 2, Mistral, and others whose vocabulary writes a blank as U+2581.
///
/// Bytes of the text that are no UTF-8 become byte pieces where the vocabulary has them, else the unknown piece.
class SentencePieceTokenizer final : public Tokenizer {
 public:
  struct Parts {
    PieceBpe bpe;
    std::variant<MetaspacePreparation, SentencePiecePreparation> preparation;
    AddedTokens added = {};               ///< by their spelling in the text
    AddedTokens added_normalized = {};    ///< the `normalized` ones by their spelling after normalization
    std::vector<std::string> bytes = {};  ///< by id: what the token stands for in the middle of a text
    std::vector<std::string> first_bytes =
        {};                ///< by id: the same at the start of a text; empty when there is no difference
    int strip_blanks = 0;  ///< decoding takes up to so many blanks from the front of the text
    SpecialFrame frame = {};
    std::optional<TokenId> bos = {}, eos = {};
    std::string hash = {};
  };
  explicit SentencePieceTokenizer(Parts parts) : parts_(std::move(parts)) {}

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
  void encode_plain(std::string_view text, bool at_start, const EncodeOptions& options, PieceBpe::Scratch& scratch,
                    std::vector<TokenId>& out) const;
  void encode_normalized(std::string text, bool at_start, PieceBpe::Scratch& scratch, std::vector<TokenId>& out) const;

  Parts parts_;
};

}  // namespace drover::text
