#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/merge_table.h"
#include "text/token_id.h"

namespace drover::text {

/// The piece of a byte in vocabularies with byte fallback: "<0x0A>" gives 10, anything else -1.
int byte_of_piece(std::string_view piece);

/// The character that SentencePiece writes for a blank, U+2581.
inline constexpr std::string_view kMetaspace = "\xE2\x96\x81";
inline constexpr char32_t kMetaspaceCharacter = 0x2581;

/// Byte-pair encoding over characters, as SentencePiece and its descendants do it: text that a normalizer has prepared
/// is cut into characters, neighbours merge in the order of their ranks, and what no piece covers becomes bytes or the
/// unknown piece.
class PieceBpe {
 public:
  struct Options {
    bool byte_fallback = false;  ///< uncovered characters become the pieces of their bytes
    std::array<std::int32_t, 256> byte_pieces = no_byte_pieces();  ///< the ids of <0x00> to <0xFF>; -1 where missing
    bool fuse_unk = false;       ///< neighbouring unknown characters become one unknown piece
    std::int32_t unk_id = -1;    ///< -1: unknown characters are dropped
    bool ignore_merges = false;  ///< a text that is a piece by itself is not merged
    /// When uncovered characters are replaced: before merging (Hugging Face tokenizers) or after it (SentencePiece). It
    /// matters for vocabularies in which some piece holds a character that is no piece by itself.
    bool fallback_before_merging = true;

    static constexpr std::array<std::int32_t, 256> no_byte_pieces() {
      std::array<std::int32_t, 256> none{};
      none.fill(-1);
      return none;
    }
  };

  /// A merge as tokenizer.json lists it.
  struct MergeRule {
    std::string_view left, right;
  };

  /// The pieces that merging may produce, by their spelling. Control pieces are not among them, and byte pieces need
  /// not be.
  using Vocabulary = std::unordered_map<std::string, std::int32_t>;

  /// With the merges in the order of their ranks. Throws UserError when a merge names a piece that is not in the
  /// vocabulary.
  static PieceBpe from_merges(Vocabulary vocabulary, const std::vector<MergeRule>& merges, const Options& options,
                              const std::string& where);

  /// With one score for each id: a pair merges when together it spells a piece, the piece of highest score first.
  /// `unused`: ids that take part in merging but are taken apart at the end.
  static PieceBpe from_scores(Vocabulary vocabulary, const std::vector<float>& scores,
                              const std::vector<std::int32_t>& unused, const Options& options,
                              const std::string& where);

  struct Scratch {
    std::vector<std::int32_t> symbols;
    MergeTable::Scratch merging;
  };

  /// Appends the ids of normalised text.
  void encode(std::string_view text, Scratch& scratch, std::vector<TokenId>& out) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  PieceBpe(Vocabulary vocabulary, const Options& options);

  std::int32_t symbol_of(char32_t character) const;
  void find_characters();
  void take_apart(std::int32_t id, std::string_view piece);
  void add_splits(std::string_view piece, MergeTable::Merge merge);
  void note_boundary(std::string_view left, std::string_view right);
  void add_uncovered(std::string_view character, std::int32_t symbol, std::int32_t& pending_unknown,
                     std::vector<std::int32_t>& out) const;
  void finish_word(Scratch& scratch, std::int32_t& pending_unknown, bool& after_unknown,
                   std::vector<TokenId>& out) const;
  void emit(std::int32_t symbol, bool& after_unknown, std::vector<TokenId>& out) const;

  Options options_;
  Vocabulary vocabulary_;
  MergeTable merges_;
  std::vector<std::int32_t> of_plane_zero_;  // by code point below U+10000; -1 when no piece
  std::unordered_map<char32_t, std::int32_t> of_other_planes_;
  std::array<std::int32_t, 256> byte_pieces_{};                                // -1 where missing
  std::unordered_map<std::int32_t, std::array<std::int32_t, 2>> taken_apart_;  // unused ids
  /// No merge reaches across the place before a blank, so that words can be merged one by one with equal results.
  bool words_are_separate_ = true;
};

}  // namespace drover::text
