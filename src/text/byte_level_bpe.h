#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/added_tokens.h"
#include "text/merge_table.h"
#include "text/normal_form.h"
#include "text/piece_cache.h"
#include "text/piece_table.h"
#include "text/pre_tokenizer.h"
#include "text/scratch_pool.h"
#include "text/special_frame.h"
#include "text/token_spellings.h"
#include "text/tokenizer.h"

namespace drover::text {

/// What the files of a byte-level BPE tokenizer say, in one form for all of them.
struct ByteLevelBpeParts {
  struct Token {
    std::string bytes;
    TokenId id;
    bool decode_only = false;  ///< text never becomes this token (its spelling in the file spells no bytes)
  };
  struct Merge {
    TokenId left, right, result;
    std::int32_t rank;  ///< lower merges first; of equal ranks the leftmost
  };
  std::vector<Token> vocabulary;  ///< ordinary tokens; added tokens stand in `added`
  std::vector<Merge> merges;
  /// The tokens of each byte: usually one; none when the byte has no token and vanishes (or becomes `unknown`).
  std::array<std::vector<TokenId>, 256> byte_tokens;
  std::vector<NormalForm> normal_forms;  ///< applied to plain text in this order
  std::unique_ptr<const PreTokenizer> pre_tokenizer;
  AddedTokens added;
  SpecialFrame frame;
  bool ignore_merges = false;  ///< a piece that is a token becomes it, whatever the merges say
  std::optional<TokenId> unknown;
  bool fuse_unknown = false;  ///< neighbouring bytes without a token become one unknown token
  std::optional<TokenId> bos, eos;
  std::int32_t least_vocab_size = 0;  ///< what the file says the vocabulary's size is at least
};

/// Byte-level BPE (GPT-2, Llama 3, SmolLM, Qwen, DeepSeek, RoBERTa): text is cut into pieces, and in each piece
/// neighbouring tokens merge, always the pair of lowest rank, leftmost first, beginning with single bytes.
///
/// Bytes that are no valid UTF-8 are kept: each one cuts the text like a symbol that is neither letter nor digit, and
/// becomes the token of that byte. Decoding gives them back.
///
/// Each thread remembers what frequent pieces became; memory stays below 2 MiB a thread.
class ByteLevelBpe final : public Tokenizer {
 public:
  explicit ByteLevelBpe(ByteLevelBpeParts parts);

  void encode_into(std::string_view text, const EncodeOptions& options, std::vector<TokenId>& out) const override;
  std::string decode(std::span<const TokenId> ids, const DecodeOptions& options) const override;
  std::string_view bytes_of(TokenId id) const override { return spellings_[id]; }
  std::int32_t vocab_size() const override { return vocab_size_; }
  bool is_special(TokenId id) const override { return added_.is_special(id); }
  std::optional<TokenId> special(std::string_view spelling) const override { return added_.find(spelling); }
  std::optional<TokenId> bos() const override { return bos_; }
  std::optional<TokenId> eos() const override { return eos_; }
  std::string hash() const override { return hash_; }

 private:
  struct Scratch {
    Pieces pieces;
    std::vector<std::int32_t> symbols;
    MergeTable::Scratch merging;
    std::vector<TextPart> raw_parts, normalized_parts;
    PieceCache cache;
  };

  void encode_plain(std::string_view text, bool parse_special, Scratch& scratch, std::vector<TokenId>& out) const;
  void encode_segment(std::string_view text, Scratch& scratch, std::vector<TokenId>& out) const;
  void encode_piece(std::string_view piece, Scratch& scratch, std::vector<TokenId>& out) const;
  void merge_piece(std::string_view piece, Scratch& scratch) const;
  void begin_with_bytes(std::string_view piece, std::vector<std::int32_t>& symbols) const;
  void fill_piece_table(const ByteLevelBpeParts& parts);
  std::string hash_parts(const ByteLevelBpeParts& parts) const;

  MergeTable merges_;
  PieceTable whole_pieces_;
  std::array<std::int32_t, 256> byte_symbols_{};  // -1 where a byte has not exactly one token
  bool every_byte_has_one_token_ = true;
  std::array<std::vector<TokenId>, 256> byte_tokens_;
  std::vector<NormalForm> normal_forms_;
  std::unique_ptr<const PreTokenizer> pre_tokenizer_;
  AddedTokens added_;
  SpecialFrame frame_;
  bool ignore_merges_ = false;
  std::optional<TokenId> unknown_;
  bool fuse_unknown_ = false;
  std::optional<TokenId> bos_, eos_;
  TokenSpellings spellings_;
  std::int32_t vocab_size_ = 0;
  std::string hash_;
  mutable ScratchPool<Scratch> scratches_;
};

}  // namespace drover::text
