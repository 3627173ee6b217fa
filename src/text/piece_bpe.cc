#include "text/piece_bpe.h"

#include <algorithm>
#include <limits>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "text/unicode.h"

namespace drover::text {
namespace {

// Symbols from here on are characters without a piece of their own: the code point is added, and 256 values above the
// code points stand for bytes that are no UTF-8.
constexpr std::int32_t kUncovered = 0x40000000;
constexpr std::int32_t kLooseByte = 0x110000;

// Longer pieces would make the search for their halves slow; real vocabularies stay below a few hundred bytes.
constexpr std::size_t kLongestPiece = 1024;
constexpr std::size_t kLongestUnused = 256;

bool is_one_character(std::string_view text) {
  return !text.empty() && decode_character(text.data(), text.data() + text.size()).length == text.size();
}

}  // namespace

int byte_of_piece(std::string_view piece) {
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; };
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return -1;
  const int high = digit(piece[3]);
  const int low = digit(piece[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

PieceBpe::PieceBpe(Vocabulary vocabulary, const Options& options)
    : options_(options), vocabulary_(std::move(vocabulary)) {
  find_characters();
  // Without a piece for the blank, unknown characters could fuse across it. A text that is one piece must stay whole.
  if (symbol_of(kMetaspaceCharacter) >= kUncovered || options_.ignore_merges) words_are_separate_ = false;
}

void PieceBpe::find_characters() {
  of_plane_zero_.assign(0x10000, -1);
  for (const auto& [spelling, id] : vocabulary_) {
    if (!is_one_character(spelling)) continue;
    const char32_t character = decode_character(spelling.data(), spelling.data() + spelling.size()).code_point;
    if (character == kInvalidByte) continue;
    if (character < 0x10000) {
      of_plane_zero_[character] = id;
    } else {
      of_other_planes_[character] = id;
    }
  }
}

std::int32_t PieceBpe::symbol_of(char32_t character) const {
  std::int32_t id = -1;
  if (character < 0x10000) {
    id = of_plane_zero_[character];
  } else if (!of_other_planes_.empty()) {
    const auto found = of_other_planes_.find(character);
    if (found != of_other_planes_.end()) id = found->second;
  }
  return id >= 0 ? id : kUncovered + static_cast<std::int32_t>(character);
}

void PieceBpe::note_boundary(std::string_view left, std::string_view right) {
  if (right.starts_with(kMetaspace) && !left.ends_with(kMetaspace)) words_are_separate_ = false;
}

PieceBpe PieceBpe::from_merges(Vocabulary vocabulary, const std::vector<MergeRule>& merges, const Options& options,
                               const std::string& where) {
  PieceBpe bpe(std::move(vocabulary), options);
  bpe.merges_.reserve(merges.size());
  std::string joined;
  std::int32_t rank = 0;
  for (const MergeRule& rule : merges) {
    joined.assign(rule.left).append(rule.right);
    std::array<std::int32_t, 3> ids{};
    std::size_t i = 0;
    for (const std::string& spelling : {std::string(rule.left), std::string(rule.right), joined}) {
      const auto found = bpe.vocabulary_.find(spelling);
      if (found == bpe.vocabulary_.end()) {
        throw base::UserError("Merge {} of {} (\"{}\" and \"{}\") needs \"{}\", which is not in the vocabulary.",
                              rank + 1, where, rule.left, rule.right, spelling);
      }
      ids[i++] = found->second;
    }
    bpe.merges_.add(ids[0], ids[1], {rank++, ids[2]});
    bpe.note_boundary(rule.left, rule.right);
  }
  return bpe;
}

PieceBpe PieceBpe::from_scores(Vocabulary vocabulary, const std::vector<float>& scores,
                               const std::vector<std::int32_t>& unused, const Options& options,
                               const std::string& where) {
  PieceBpe bpe(std::move(vocabulary), options);
  std::vector<std::pair<float, const Vocabulary::value_type*>> by_score;
  std::size_t splits = 0;
  for (const auto& entry : bpe.vocabulary_) {
    DROVER_CHECK(entry.second >= 0 && static_cast<std::size_t>(entry.second) < scores.size(), "Each piece has a score");
    if (entry.first.size() > kLongestPiece) {
      throw base::UserError("Piece {} of {} is {} bytes long; more than {} cannot be merged.", entry.second, where,
                            entry.first.size(), kLongestPiece);
    }
    by_score.emplace_back(scores[static_cast<std::size_t>(entry.second)], &entry);
    splits += entry.first.size();
  }
  bpe.merges_.reserve(std::min(splits, by_score.size() * 4));
  std::sort(by_score.begin(), by_score.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::int32_t rank = 0;
  float last = std::numeric_limits<float>::infinity();
  for (const auto& [score, entry] : by_score) {
    if (score != last) ++rank;  // equal scores merge from left to right
    last = score;
    bpe.add_splits(entry->first, {rank, entry->second});
  }
  const std::unordered_set<std::int32_t> apart(unused.begin(), unused.end());
  for (const auto& [spelling, id] : bpe.vocabulary_) {
    if (apart.contains(id) && spelling.size() <= kLongestUnused) bpe.take_apart(id, spelling);
  }
  return bpe;
}

void PieceBpe::take_apart(std::int32_t id, std::string_view piece) {
  // The merges that lead to a piece are the same wherever it stands, so the last of them can be found once, here.
  std::vector<std::int32_t> symbols;
  for (const char *at = piece.data(), *end = at + piece.size(); at < end;) {
    const DecodedCharacter character = decode_character(at, end);
    symbols.push_back(symbol_of(character.code_point));
    at += character.length;
  }
  while (symbols.size() > 2) {
    std::size_t best = 0;
    MergeTable::Merge merge{std::numeric_limits<std::int32_t>::max(), -1};
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const MergeTable::Merge here = merges_.find(symbols[i], symbols[i + 1]);
      if (here.result >= 0 && here.rank < merge.rank) {
        best = i;
        merge = here;
      }
    }
    if (merge.result < 0) return;  // merging never makes this piece
    symbols[best] = merge.result;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  if (symbols.size() == 2) taken_apart_[id] = {symbols[0], symbols[1]};
}

void PieceBpe::add_splits(std::string_view piece, MergeTable::Merge merge) {
  const auto symbol = [&](std::string_view half) {
    if (is_one_character(half)) return symbol_of(decode_character(half.data(), half.data() + half.size()).code_point);
    const auto found = vocabulary_.find(std::string(half));
    return found == vocabulary_.end() ? -1 : found->second;
  };
  const char* end = piece.data() + piece.size();
  std::size_t cut = 0;
  while (true) {
    cut += decode_character(piece.data() + cut, end).length;
    if (cut >= piece.size()) return;
    const std::int32_t left = symbol(piece.substr(0, cut));
    if (left < 0) continue;
    const std::int32_t right = symbol(piece.substr(cut));
    if (right < 0) continue;
    merges_.add(left, right, merge);
    note_boundary(piece.substr(0, cut), piece.substr(cut));
  }
}

void PieceBpe::add_uncovered(std::string_view character, std::int32_t symbol, std::int32_t& pending_unknown,
                             std::vector<std::int32_t>& out) const {
  if (!options_.fallback_before_merging) {
    out.push_back(symbol);
    return;
  }
  if (options_.byte_fallback) {
    const auto has_piece = [&](char c) { return options_.byte_pieces[static_cast<unsigned char>(c)] >= 0; };
    if (std::all_of(character.begin(), character.end(), has_piece)) {
      for (const char c : character) out.push_back(options_.byte_pieces[static_cast<unsigned char>(c)]);
      return;  // a pending unknown piece stays pending, as in the reference
    }
  }
  if (options_.unk_id < 0) return;
  if (pending_unknown >= 0 && !options_.fuse_unk) out.push_back(pending_unknown);
  pending_unknown = options_.unk_id;
}

void PieceBpe::emit(std::int32_t symbol, bool& after_unknown, std::vector<TokenId>& out) const {
  if (symbol < kUncovered) {
    if (const auto parts = taken_apart_.find(symbol); parts != taken_apart_.end()) {
      emit(parts->second[0], after_unknown, out);
      emit(parts->second[1], after_unknown, out);
      return;
    }
    out.push_back(TokenId{symbol});
    after_unknown = symbol == options_.unk_id;
    return;
  }
  if (options_.byte_fallback) {
    std::string bytes;
    if (symbol >= kUncovered + kLooseByte) {
      bytes.push_back(static_cast<char>(symbol - kUncovered - kLooseByte));
    } else {
      append_utf8(static_cast<char32_t>(symbol - kUncovered), bytes);
    }
    for (const char c : bytes) {
      const std::int32_t piece = options_.byte_pieces[static_cast<unsigned char>(c)];
      if (piece >= 0) {
        out.push_back(TokenId{piece});
      } else if (options_.unk_id >= 0) {
        out.push_back(TokenId{options_.unk_id});
      }
    }
    after_unknown = false;
    return;
  }
  if (options_.unk_id >= 0 && !(after_unknown && options_.fuse_unk)) out.push_back(TokenId{options_.unk_id});
  after_unknown = true;
}

void PieceBpe::finish_word(Scratch& scratch, std::int32_t& pending_unknown, bool& after_unknown,
                           std::vector<TokenId>& out) const {
  if (pending_unknown >= 0) scratch.symbols.push_back(std::exchange(pending_unknown, -1));
  merges_.merge_all(scratch.symbols, scratch.merging);
  if (options_.fallback_before_merging) {
    for (const std::int32_t symbol : scratch.symbols) out.push_back(TokenId{symbol});
  } else {
    for (const std::int32_t symbol : scratch.symbols) emit(symbol, after_unknown, out);
  }
  scratch.symbols.clear();
}

void PieceBpe::encode(std::string_view text, Scratch& scratch, std::vector<TokenId>& out) const {
  if (options_.ignore_merges) {
    if (const auto whole = vocabulary_.find(std::string(text)); whole != vocabulary_.end()) {
      out.push_back(TokenId{whole->second});
      return;
    }
  }
  scratch.symbols.clear();
  std::int32_t pending_unknown = -1;
  bool after_unknown = false;
  bool after_blank = true;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const DecodedCharacter character = decode_character(at, end);
    const bool is_blank = character.code_point == kMetaspaceCharacter;
    if (is_blank && !after_blank && words_are_separate_) finish_word(scratch, pending_unknown, after_unknown, out);
    after_blank = is_blank;
    const std::int32_t symbol = character.code_point == kInvalidByte
                                    ? kUncovered + kLooseByte + static_cast<unsigned char>(*at)
                                    : symbol_of(character.code_point);
    if (symbol < kUncovered) {
      if (pending_unknown >= 0) scratch.symbols.push_back(std::exchange(pending_unknown, -1));
      scratch.symbols.push_back(symbol);
    } else {
      add_uncovered({at, character.length}, symbol, pending_unknown, scratch.symbols);
    }
    at += character.length;
  }
  finish_word(scratch, pending_unknown, after_unknown, out);
}

}  // namespace drover::text
