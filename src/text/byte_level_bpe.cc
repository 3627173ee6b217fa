#include "text/byte_level_bpe.h"

#include <algorithm>
#include <limits>

#include "base/content_hash.h"
#include "base/error.h"

namespace drover::text {

ByteLevelBpe::ByteLevelBpe(ByteLevelBpeParts parts) {
  for (const ByteLevelBpeParts::Token& token : parts.vocabulary) spellings_.set(token.id, token.bytes);
  for (const AddedToken& token : parts.added.tokens()) spellings_.set(token.id, token.content);
  vocab_size_ = std::max(spellings_.size(), parts.least_vocab_size);

  merges_.reserve(parts.merges.size());
  for (const ByteLevelBpeParts::Merge& merge : parts.merges) {
    merges_.add(to_int(merge.left), to_int(merge.right), {merge.rank, to_int(merge.result)});
  }
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const std::vector<TokenId>& tokens = parts.byte_tokens[byte];
    byte_symbols_[byte] = tokens.size() == 1 ? to_int(tokens[0]) : -1;
    every_byte_has_one_token_ &= tokens.size() == 1;
  }
  byte_tokens_ = parts.byte_tokens;
  ignore_merges_ = parts.ignore_merges;
  unknown_ = parts.unknown;
  fuse_unknown_ = parts.fuse_unknown;
  bos_ = parts.bos;
  eos_ = parts.eos;
  hash_ = hash_parts(parts);
  added_ = std::move(parts.added);
  fill_piece_table(parts);
  normal_forms_ = std::move(parts.normal_forms);
  pre_tokenizer_ = std::move(parts.pre_tokenizer);
  frame_ = std::move(parts.frame);
}

void ByteLevelBpe::fill_piece_table(const ByteLevelBpeParts& parts) {
  whole_pieces_ = PieceTable(parts.vocabulary.size() + 256);
  Scratch scratch;
  for (const ByteLevelBpeParts::Token& token : parts.vocabulary) {
    // Special tokens stay out: with ignore_merges the plain text of a user could spell one.
    if (token.decode_only || token.bytes.empty() || added_.is_special(token.id)) continue;
    if (!ignore_merges_) {
      merge_piece(token.bytes, scratch);
      if (scratch.symbols.size() != 1 || scratch.symbols[0] != to_int(token.id)) continue;
    }
    whole_pieces_.add(token.bytes, token.id);
  }
}

std::string ByteLevelBpe::hash_parts(const ByteLevelBpeParts& parts) const {
  base::FieldHasher hasher;
  hasher.add("byte-level BPE");
  std::vector<const ByteLevelBpeParts::Token*> tokens;
  tokens.reserve(parts.vocabulary.size());
  for (const ByteLevelBpeParts::Token& token : parts.vocabulary) tokens.push_back(&token);
  std::stable_sort(tokens.begin(), tokens.end(),
                   [](const auto* a, const auto* b) { return to_int(a->id) < to_int(b->id); });
  std::string joined;
  std::vector<std::int32_t> numbers;
  for (const ByteLevelBpeParts::Token* token : tokens) {
    joined += token->bytes;
    numbers.push_back(to_int(token->id));
    numbers.push_back(static_cast<std::int32_t>(token->bytes.size()));
    numbers.push_back(token->decode_only);
  }
  for (const ByteLevelBpeParts::Merge& merge : parts.merges) {
    for (const TokenId id : {merge.left, merge.right, merge.result}) numbers.push_back(to_int(id));
    numbers.push_back(merge.rank);
  }
  for (const std::vector<TokenId>& ids : parts.byte_tokens) {
    numbers.push_back(static_cast<std::int32_t>(ids.size()));
    for (const TokenId id : ids) numbers.push_back(to_int(id));
  }
  hasher.add(joined).add(
      std::string_view(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(std::int32_t)));
  hasher.add(std::int64_t{ignore_merges_})
      .add(std::int64_t{fuse_unknown_})
      .add(std::int64_t{unknown_ ? to_int(*unknown_) : -1});
  hasher.add(static_cast<std::int64_t>(parts.normal_forms.size()));
  for (const NormalForm form : parts.normal_forms) hasher.add(static_cast<std::int64_t>(form));
  hasher.add(parts.pre_tokenizer->name());
  parts.added.hash_into(hasher);
  parts.frame.hash_into(hasher);
  return hasher.finish().hex();
}

void ByteLevelBpe::encode_into(std::string_view text, const EncodeOptions& options, std::vector<TokenId>& out) const {
  if (text.size() >= std::numeric_limits<std::uint32_t>::max()) {
    throw base::UserError("A text of {} bytes is too long to encode at once; below 4 GiB is possible.", text.size());
  }
  const auto scratch = scratches_.lend();
  if (options.add_special) out.insert(out.end(), frame_.before.begin(), frame_.before.end());
  if (!added_.may_split(AddedTokens::Group::kRaw, options.parse_special)) {
    encode_plain(text, options.parse_special, *scratch, out);
  } else {
    std::vector<TextPart>& parts = scratch->raw_parts;
    parts.clear();
    added_.split(text, AddedTokens::Group::kRaw, options.parse_special, parts);
    for (const TextPart& part : parts) {
      if (part.id != kNoToken) {
        out.push_back(part.id);
      } else {
        encode_plain(part.text, options.parse_special, *scratch, out);
      }
    }
  }
  if (options.add_special) out.insert(out.end(), frame_.after.begin(), frame_.after.end());
}

void ByteLevelBpe::encode_plain(std::string_view text, bool parse_special, Scratch& scratch,
                                std::vector<TokenId>& out) const {
  std::string normal;
  for (const NormalForm form : normal_forms_) {
    if (auto changed = normalise(text, form)) {
      normal = std::move(*changed);
      text = normal;
    }
  }
  if (!added_.may_split(AddedTokens::Group::kNormalized, parse_special)) {
    encode_segment(text, scratch, out);
    return;
  }
  std::vector<TextPart>& parts = scratch.normalized_parts;
  parts.clear();
  added_.split(text, AddedTokens::Group::kNormalized, parse_special, parts);
  for (const TextPart& part : parts) {
    if (part.id != kNoToken) {
      out.push_back(part.id);
    } else {
      encode_segment(part.text, scratch, out);
    }
  }
}

void ByteLevelBpe::encode_segment(std::string_view text, Scratch& scratch, std::vector<TokenId>& out) const {
  Pieces& pieces = scratch.pieces;
  pre_tokenizer_->cut(text, pieces);
  const char* position = pieces.text.data();
  for (const std::uint32_t length : pieces.lengths) {
    encode_piece({position, length}, scratch, out);
    position += length;
  }
}

void ByteLevelBpe::encode_piece(std::string_view piece, Scratch& scratch, std::vector<TokenId>& out) const {
  const auto remember_and_append = [&](const auto& remember) {
    merge_piece(piece, scratch);
    const std::size_t begin = out.size();
    for (const std::int32_t symbol : scratch.symbols) out.push_back(TokenId{symbol});
    remember(std::span<const TokenId>(out).subspan(begin));
  };
  if (piece.size() <= kLongestKey) {
    const PieceKey key = make_piece_key(piece.data(), piece.size());
    const std::uint64_t hash = hash_of_key(key, piece.size());
    const TokenId whole = whole_pieces_.find_short(key, piece.size(), hash);
    if (whole != kNoToken) {
      out.push_back(whole);
      return;
    }
    const std::span<const TokenId> known = scratch.cache.find_short(key, piece.size(), hash);
    if (!known.empty()) {
      out.insert(out.end(), known.begin(), known.end());
      return;
    }
    remember_and_append([&](std::span<const TokenId> ids) { scratch.cache.put_short(key, piece.size(), hash, ids); });
    return;
  }
  if (piece.size() > PieceCache::kLongestPiece && piece.size() > whole_pieces_.longest()) {
    remember_and_append([](std::span<const TokenId>) {});
    return;
  }
  const std::uint64_t hash = hash_of_long_piece(piece);
  const TokenId whole = whole_pieces_.find_long(piece, hash);
  if (whole != kNoToken) {
    out.push_back(whole);
    return;
  }
  const std::span<const TokenId> known = scratch.cache.find_long(piece, hash);
  if (!known.empty()) {
    out.insert(out.end(), known.begin(), known.end());
    return;
  }
  remember_and_append([&](std::span<const TokenId> ids) { scratch.cache.put_long(piece, hash, ids); });
}

void ByteLevelBpe::merge_piece(std::string_view piece, Scratch& scratch) const {
  scratch.symbols.clear();
  if (every_byte_has_one_token_) {
    for (const char byte : piece) scratch.symbols.push_back(byte_symbols_[static_cast<unsigned char>(byte)]);
  } else {
    begin_with_bytes(piece, scratch.symbols);
  }
  merges_.merge_all(scratch.symbols, scratch.merging);
}

void ByteLevelBpe::begin_with_bytes(std::string_view piece, std::vector<std::int32_t>& symbols) const {
  bool after_unknown = false;
  for (const char byte : piece) {
    const std::vector<TokenId>& tokens = byte_tokens_[static_cast<unsigned char>(byte)];
    for (const TokenId token : tokens) symbols.push_back(to_int(token));
    if (tokens.empty() && unknown_ && !(after_unknown && fuse_unknown_)) symbols.push_back(to_int(*unknown_));
    after_unknown = tokens.empty();
  }
}

std::string ByteLevelBpe::decode(std::span<const TokenId> ids, const DecodeOptions& options) const {
  std::string text;
  for (const TokenId id : ids) {
    if (options.skip_special && is_special(id)) continue;
    text += spellings_[id];
  }
  return text;
}

}  // namespace drover::text
