#include "text/wordpiece_tokenizer.h"

#include <algorithm>

#include "base/error.h"
#include "text/bert_characters.h"
#include "text/unicode.h"

namespace drover::text {

using Group = AddedTokens::Group;

// Together with the limit on a word's characters this bounds the work for one word. BERT's own pieces stay below 60
// bytes.
constexpr std::size_t kLongestPiece = 512;

WordPieceTokenizer::WordPieceTokenizer(Parts parts) : parts_(std::move(parts)) {
  for (const auto& [spelling, id] : parts_.vocabulary) longest_piece_ = std::max(longest_piece_, spelling.size());
  if (longest_piece_ > kLongestPiece) {
    throw base::UserError(
        "A token of {} bytes is too long for a WordPiece vocabulary; {} is the limit. Is the file damaged?",
        longest_piece_, kLongestPiece);
  }
}

void WordPieceTokenizer::encode_into(std::string_view text, const EncodeOptions& options,
                                     std::vector<TokenId>& out) const {
  if (options.add_special) out.insert(out.end(), parts_.frame.before.begin(), parts_.frame.before.end());
  if (!parts_.added.may_split(Group::kRaw, options.parse_special)) {
    encode_plain(text, options, out);
  } else {
    std::vector<TextPart> pieces;
    parts_.added.split(text, Group::kRaw, options.parse_special, pieces);
    for (const TextPart& piece : pieces) {
      if (piece.id == kNoToken) {
        encode_plain(piece.text, options, out);
      } else {
        out.push_back(piece.id);
      }
    }
  }
  if (options.add_special) out.insert(out.end(), parts_.frame.after.begin(), parts_.frame.after.end());
}

void WordPieceTokenizer::encode_plain(std::string_view text, const EncodeOptions& options,
                                      std::vector<TokenId>& out) const {
  const std::string normal = parts_.normalizer.apply(text);
  if (!parts_.added_normalized.may_split(Group::kNormalized, options.parse_special)) {
    encode_words(normal, out);
    return;
  }
  std::vector<TextPart> pieces;
  parts_.added_normalized.split(normal, Group::kNormalized, options.parse_special, pieces);
  for (const TextPart& piece : pieces) {
    if (piece.id == kNoToken) {
      encode_words(piece.text, out);
    } else {
      out.push_back(piece.id);
    }
  }
}

void WordPieceTokenizer::encode_words(std::string_view normal, std::vector<TokenId>& out) const {
  const char* const end = normal.data() + normal.size();
  const char* word = normal.data();
  const char* at = word;
  const auto finish_word = [&] {
    if (at > word) encode_word({word, static_cast<std::size_t>(at - word)}, out);
  };
  while (at < end) {
    const DecodedCharacter character = decode_character(at, end);
    if ((char_class_of(character.code_point) & char_class::kSpace) != 0) {
      finish_word();
      at += character.length;
      word = at;
    } else if (is_bert_punctuation(character.code_point)) {
      finish_word();
      word = at;
      at += character.length;
      finish_word();
      word = at;
    } else {
      at += character.length;
    }
  }
  finish_word();
}

void WordPieceTokenizer::encode_word(std::string_view word, std::vector<TokenId>& out) const {
  const auto is_start = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  const auto num_characters = static_cast<std::size_t>(std::count_if(word.begin(), word.end(), is_start));
  const std::size_t first_id = out.size();
  const auto give_up = [&] {
    out.resize(first_id);
    out.push_back(TokenId{parts_.unk_id});
  };
  if (num_characters > parts_.max_characters_per_word) return give_up();
  std::string spelling;
  for (std::size_t begin = 0; begin < word.size();) {
    const std::size_t prefix = begin > 0 ? parts_.continuing_prefix.size() : 0;
    spelling.assign(parts_.continuing_prefix, 0, prefix);
    spelling.append(word.substr(begin, longest_piece_ > prefix ? longest_piece_ - prefix : 0));
    while (spelling.size() > prefix) {
      if (begin + spelling.size() - prefix == word.size() || is_start(word[begin + spelling.size() - prefix])) {
        if (const auto found = parts_.vocabulary.find(spelling); found != parts_.vocabulary.end()) {
          out.push_back(TokenId{found->second});
          break;
        }
      }
      spelling.pop_back();
    }
    if (spelling.size() == prefix) return give_up();
    begin += spelling.size() - prefix;
  }
}

std::string WordPieceTokenizer::decode(std::span<const TokenId> ids, const DecodeOptions& options) const {
  std::string text;
  bool first = true;
  for (const TokenId id : ids) {
    if ((options.skip_special && is_special(id)) || to_int(id) < 0 || to_int(id) >= vocab_size()) continue;
    const auto& bytes = first ? parts_.first_bytes : parts_.bytes;
    text += bytes[static_cast<std::size_t>(to_int(id))];
    first = false;
  }
  return text;
}

std::string_view WordPieceTokenizer::bytes_of(TokenId id) const {
  if (to_int(id) < 0 || to_int(id) >= vocab_size()) return {};
  return parts_.bytes[static_cast<std::size_t>(to_int(id))];
}

}  // namespace drover::text
