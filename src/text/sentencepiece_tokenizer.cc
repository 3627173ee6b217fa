#include "text/sentencepiece_tokenizer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"

namespace drover::text {
namespace {

using Group = AddedTokens::Group;

void replace_blanks(std::string& text, std::string_view blank) {
  std::size_t at = text.find(' ');
  if (at == std::string::npos) return;
  std::string replaced;
  replaced.reserve(text.size() + text.size() / 2);
  std::size_t copied = 0;
  for (; at != std::string::npos; at = text.find(' ', copied)) {
    replaced.append(text, copied, at - copied).append(blank);
    copied = at + 1;
  }
  replaced.append(text, copied);
  text.swap(replaced);
}

}  // namespace

void SentencePieceTokenizer::encode_into(std::string_view text, const EncodeOptions& options,
                                         std::vector<TokenId>& out) const {
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()) / 4) {
    throw base::UserError("A text of {} bytes is too long to encode at once; cut it below 512 MiB.", text.size());
  }
  PieceBpe::Scratch scratch;
  if (options.add_special) out.insert(out.end(), parts_.frame.before.begin(), parts_.frame.before.end());
  if (!parts_.added.may_split(Group::kRaw, options.parse_special)) {
    if (!text.empty()) encode_plain(text, true, options, scratch, out);
  } else {
    std::vector<TextPart> pieces;
    parts_.added.split(text, Group::kRaw, options.parse_special, pieces);
    for (const TextPart& piece : pieces) {
      if (piece.id == kNoToken) {
        encode_plain(piece.text, piece.text.data() == text.data(), options, scratch, out);
      } else {
        out.push_back(piece.id);
      }
    }
  }
  if (options.add_special) out.insert(out.end(), parts_.frame.after.begin(), parts_.frame.after.end());
}

void SentencePieceTokenizer::encode_plain(std::string_view text, bool at_start, const EncodeOptions& options,
                                          PieceBpe::Scratch& scratch, std::vector<TokenId>& out) const {
  if (const auto* own = std::get_if<SentencePiecePreparation>(&parts_.preparation)) {
    const std::string normal = own->normalizer.apply(text, own->kept_whole);
    if (!own->kept_whole.may_split(Group::kRaw, false)) {
      parts_.bpe.encode(normal, scratch, out);
      return;
    }
    std::vector<TextPart> pieces;
    own->kept_whole.split(normal, Group::kRaw, false, pieces);
    for (const TextPart& piece : pieces) {
      if (piece.id == kNoToken) {
        parts_.bpe.encode(piece.text, scratch, out);
      } else {
        out.push_back(piece.id);
      }
    }
    return;
  }
  const auto& preparation = std::get<MetaspacePreparation>(parts_.preparation);
  std::string normal = preparation.normalizer.apply(text);
  if (!parts_.added_normalized.may_split(Group::kNormalized, options.parse_special)) {
    encode_normalized(std::move(normal), at_start, scratch, out);
    return;
  }
  std::vector<TextPart> pieces;
  parts_.added_normalized.split(normal, Group::kNormalized, options.parse_special, pieces);
  for (const TextPart& piece : pieces) {
    if (piece.id == kNoToken) {
      encode_normalized(std::string(piece.text), at_start && piece.text.data() == normal.data(), scratch, out);
    } else {
      out.push_back(piece.id);
    }
  }
}

void SentencePieceTokenizer::encode_normalized(std::string text, bool at_start, PieceBpe::Scratch& scratch,
                                               std::vector<TokenId>& out) const {
  const auto& metaspace = std::get<MetaspacePreparation>(parts_.preparation).metaspace;
  if (text.empty()) return;
  if (!metaspace) {
    parts_.bpe.encode(text, scratch, out);
    return;
  }
  using Prepend = MetaspacePreparation::Metaspace::Prepend;
  replace_blanks(text, metaspace->blank);
  const bool prepend = metaspace->prepend == Prepend::kAlways || (metaspace->prepend == Prepend::kFirst && at_start);
  if (prepend && !text.starts_with(metaspace->blank)) text.insert(0, metaspace->blank);
  if (!metaspace->split) {
    parts_.bpe.encode(text, scratch, out);
    return;
  }
  const std::string_view whole = text;
  for (std::size_t begin = 0; begin < whole.size();) {
    const std::size_t end = std::min(whole.find(metaspace->blank, begin + 1), whole.size());
    parts_.bpe.encode(whole.substr(begin, end - begin), scratch, out);
    begin = end;
  }
}

std::string SentencePieceTokenizer::decode(std::span<const TokenId> ids, const DecodeOptions& options) const {
  std::string text;
  bool first = true;
  for (const TokenId id : ids) {
    if (options.skip_special && is_special(id)) continue;
    if (first && !parts_.first_bytes.empty() && to_int(id) >= 0 &&
        static_cast<std::size_t>(to_int(id)) < parts_.first_bytes.size()) {
      text += parts_.first_bytes[static_cast<std::size_t>(to_int(id))];
    } else {
      text += bytes_of(id);
    }
    first = false;
  }
  std::size_t blanks = 0;
  while (blanks < static_cast<std::size_t>(parts_.strip_blanks) && blanks < text.size() && text[blanks] == ' ')
    ++blanks;
  text.erase(0, blanks);
  return text;
}

std::string_view SentencePieceTokenizer::bytes_of(TokenId id) const {
  const std::int32_t index = to_int(id);
  if (index < 0 || index >= vocab_size()) return {};
  return parts_.bytes[static_cast<std::size_t>(index)];
}

}  // namespace drover::text
