// SentencePiece vocabularies with scores: its own tokenizer.model, and GGUF files made from one.
#include <cmath>

#include "base/content_hash.h"
#include "base/error.h"
#include "text/sentencepiece_model.h"
#include "text/sentencepiece_tokenizer.h"
#include "text/tokenizer_factories.h"

namespace drover::text {
namespace {

/// What both kinds of file say, in one form.
struct ScoredVocabulary {
  std::vector<Piece> pieces;
  bool byte_fallback = false;
  bool fuse_unk = true;
  std::int32_t unk_id = -1;
  bool user_defined_before_normalization = false;  ///< else they are looked for after it
  SentencePieceNormalizer::Options normalizer;
  std::string charsmap;
  std::optional<TokenId> bos, eos;
  SpecialFrame frame;
};

std::string spelled_bytes(const Piece& piece) {
  if (piece.kind == PieceKind::kByte) {
    if (const int byte = byte_of_piece(piece.text); byte >= 0) return std::string(1, static_cast<char>(byte));
  }
  std::string text;
  for (std::size_t at = 0; at < piece.text.size();) {
    if (std::string_view(piece.text).substr(at).starts_with(kMetaspace)) {
      text += ' ';
      at += kMetaspace.size();
    } else {
      text += piece.text[at++];
    }
  }
  return text;
}

std::string hash_of(const ScoredVocabulary& source, const AddedTokens& added) {
  base::FieldHasher hasher;
  hasher.add("sentencepiece scores").add(static_cast<std::int64_t>(source.pieces.size()));
  for (const Piece& piece : source.pieces) {
    hasher.add(piece.text).add(fmt::format("{}", piece.score)).add(static_cast<std::int64_t>(piece.kind));
  }
  const auto& options = source.normalizer;
  hasher.add(source.charsmap);
  for (const bool flag :
       {source.byte_fallback, source.fuse_unk, source.user_defined_before_normalization, options.add_dummy_prefix,
        options.remove_extra_whitespaces, options.escape_whitespaces, options.whitespace_as_suffix}) {
    hasher.add(std::int64_t{flag});
  }
  hasher.add(std::int64_t{source.unk_id});
  added.hash_into(hasher);
  source.frame.hash_into(hasher);
  return hasher.finish().hex();
}

std::shared_ptr<const Tokenizer> make_tokenizer(ScoredVocabulary source, const std::string& where) {
  PieceBpe::Vocabulary vocabulary;
  std::vector<float> scores;
  std::vector<std::int32_t> unused;
  std::vector<AddedToken> added;
  std::vector<AddedToken> kept_whole;
  std::vector<std::string> bytes;
  PieceBpe::Options options{.byte_fallback = source.byte_fallback,
                            .fuse_unk = source.fuse_unk,
                            .unk_id = source.unk_id,
                            .fallback_before_merging = false};
  for (std::size_t i = 0; i < source.pieces.size(); ++i) {
    const Piece& piece = source.pieces[i];
    const auto id = static_cast<std::int32_t>(i);
    scores.push_back(piece.score);
    bytes.push_back(spelled_bytes(piece));
    if (piece.text.empty()) continue;
    const bool is_user_defined = piece.kind == PieceKind::kUserDefined;
    if (piece.kind == PieceKind::kControl || piece.kind == PieceKind::kUnknown) {
      added.push_back({.content = piece.text, .id = TokenId{id}, .special = true});
    } else if (is_user_defined) {
      (source.user_defined_before_normalization ? added : kept_whole)
          .push_back({.content = piece.text, .id = TokenId{id}});
    } else if (piece.kind == PieceKind::kByte) {
      if (const int byte = byte_of_piece(piece.text); byte >= 0)
        options.byte_pieces[static_cast<std::size_t>(byte)] = id;
    } else {
      vocabulary.emplace(piece.text, id);
    }
    if (piece.kind == PieceKind::kUnused) unused.push_back(id);
  }
  SentencePieceTokenizer::Parts parts{
      .bpe = PieceBpe::from_scores(std::move(vocabulary), scores, unused, options, where),
      .preparation =
          SentencePiecePreparation{SentencePieceNormalizer(source.normalizer, NormalizationMap(source.charsmap, where)),
                                   AddedTokens(std::move(kept_whole))},
      .added = AddedTokens(std::move(added)),
      .bytes = std::move(bytes),
      .strip_blanks = source.normalizer.add_dummy_prefix && !source.normalizer.whitespace_as_suffix ? 1 : 0,
      .frame = source.frame,
      .bos = source.bos,
      .eos = source.eos,
  };
  parts.hash = hash_of(source, parts.added);
  return std::make_shared<SentencePieceTokenizer>(std::move(parts));
}

std::optional<TokenId> checked(std::int32_t id, std::size_t num_pieces, const std::string& where) {
  if (id < 0) return std::nullopt;
  if (static_cast<std::size_t>(id) >= num_pieces)
    throw base::UserError("{} names piece {} of {}.", where, id, num_pieces);
  return TokenId{id};
}

}  // namespace

std::shared_ptr<const Tokenizer> make_sentencepiece_bpe_from_model(std::string_view model_bytes, const DeclaredTokens&,
                                                                   std::string_view where_view) {
  const std::string where(where_view);
  SentencePieceModel model = read_sentencepiece_model(model_bytes, where);
  ScoredVocabulary source{
      .pieces = {},
      .byte_fallback = model.byte_fallback,
      .unk_id = model.unk_id,
      .normalizer = {model.add_dummy_prefix, model.remove_extra_whitespaces, model.escape_whitespaces,
                     model.whitespace_as_suffix},
      .charsmap = std::move(model.charsmap),
      .bos = checked(model.bos_id, model.pieces.size(), where),
      .eos = checked(model.eos_id, model.pieces.size(), where),
      .frame = {},
  };
  checked(model.unk_id, model.pieces.size(), where);
  // SentencePiece itself adds nothing; Llama 2 and Mistral put BOS in front.
  if (source.bos) source.frame.before.push_back(*source.bos);
  source.pieces = std::move(model.pieces);
  return make_tokenizer(std::move(source), where);
}

std::shared_ptr<const Tokenizer> make_sentencepiece_bpe(const GgufVocabulary& vocabulary) {
  const std::string& where = vocabulary.where;
  if (vocabulary.scores.size() != vocabulary.tokens.size()) {
    throw base::UserError("{}: tokenizer.ggml.scores is missing; a 'llama' vocabulary needs one score a token.", where);
  }
  ScoredVocabulary source;
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const auto type = vocabulary.types[i] == GgufTokenType::kUndefined ? GgufTokenType::kNormal : vocabulary.types[i];
    if (std::isnan(vocabulary.scores[i])) throw base::UserError("{}: the score of token {} is not a number.", where, i);
    source.pieces.push_back(
        {std::string(vocabulary.tokens[i]), static_cast<float>(vocabulary.scores[i]), static_cast<PieceKind>(type)});
    source.byte_fallback |= type == GgufTokenType::kByte;
    if (type == GgufTokenType::kUnknown && source.unk_id < 0) source.unk_id = static_cast<std::int32_t>(i);
  }
  if (vocabulary.unknown) source.unk_id = to_int(*vocabulary.unknown);
  // Such files hold added tokens of Hugging Face models as user-defined pieces, and those are looked for in the raw
  // text.
  source.user_defined_before_normalization = true;
  source.normalizer.add_dummy_prefix = vocabulary.add_space_prefix.value_or(true);
  source.normalizer.remove_extra_whitespaces = vocabulary.remove_extra_whitespaces.value_or(false);
  source.bos = vocabulary.bos;
  source.eos = vocabulary.eos;
  if (vocabulary.bos && vocabulary.add_bos.value_or(true)) source.frame.before.push_back(*vocabulary.bos);
  if (vocabulary.eos && vocabulary.add_eos.value_or(false)) source.frame.after.push_back(*vocabulary.eos);
  return make_tokenizer(std::move(source), where);
}

}  // namespace drover::text
