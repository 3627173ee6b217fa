#include "text/added_tokens.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/content_hash.h"
#include "base/error.h"
#include "text/unicode.h"

namespace drover::text {
namespace {

bool word_before(std::string_view text, std::size_t position) {
  return position > 0 && is_word_character(decode_last_character(text.data(), text.data() + position).code_point);
}

bool word_after(std::string_view text, std::size_t position) {
  return position < text.size() &&
         is_word_character(decode_character(text.data() + position, text.data() + text.size()).code_point);
}

std::size_t skip_space_back(std::string_view text, std::size_t position, std::size_t limit) {
  while (position > limit) {
    const DecodedCharacter last = decode_last_character(text.data() + limit, text.data() + position);
    if (!(char_class_of(last.code_point) & char_class::kSpace)) break;
    position -= last.length;
  }
  return position;
}

std::size_t skip_space(std::string_view text, std::size_t position) {
  while (position < text.size()) {
    const DecodedCharacter next = decode_character(text.data() + position, text.data() + text.size());
    if (!(char_class_of(next.code_point) & char_class::kSpace)) break;
    position += next.length;
  }
  return position;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) {
  std::unordered_map<std::string, std::size_t> place;
  for (AddedToken& token : tokens) {
    if (token.content.empty()) {
      throw base::UserError("The added token with id {} has no content. Is the tokenizer file complete?",
                            to_int(token.id));
    }
    if (to_int(token.id) < 0) {
      throw base::UserError("The added token '{}' has the id {}; ids begin at 0.", token.content, to_int(token.id));
    }
    const auto [known, is_new] = place.try_emplace(token.content, tokens_.size());
    if (is_new) {
      tokens_.push_back(std::move(token));
    } else {
      tokens_[known->second] = std::move(token);
    }
  }
  // The map of spellings holds views into tokens_, which no longer grows.
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    by_spelling_[tokens_[i].content] = i;
    by_id_[to_int(tokens_[i].id)] = i;
  }
  raw_.token_at.assign(1, -1);
  normalized_.token_at.assign(1, -1);
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    Trie& trie = tokens_[i].normalized ? normalized_ : raw_;
    insert(trie, tokens_[i].content, static_cast<std::int32_t>(i));
    trie.has_any = true;
    trie.has_plain |= !tokens_[i].special;
  }
  for (Trie* trie : {&raw_, &normalized_}) {
    if (std::count(trie->first_bytes.begin(), trie->first_bytes.end(), true) == 1) {
      trie->only_first_byte = static_cast<int>(std::find(trie->first_bytes.begin(), trie->first_bytes.end(), true) -
                                               trie->first_bytes.begin());
    }
  }
}

void AddedTokens::insert(Trie& trie, std::string_view content, std::int32_t token) {
  std::uint32_t node = 0;
  for (const char c : content) {
    const std::uint64_t key = std::uint64_t{node} * 256 + static_cast<unsigned char>(c);
    const auto [child, added] = trie.children.try_emplace(key, static_cast<std::uint32_t>(trie.token_at.size()));
    if (added) trie.token_at.push_back(-1);
    node = child->second;
  }
  trie.token_at[node] = token;
  trie.first_bytes[static_cast<unsigned char>(content.front())] = true;
}

std::optional<AddedTokens::Match> AddedTokens::next_match(const Trie& trie, std::string_view text,
                                                          std::size_t from) const {
  for (std::size_t begin = from; begin < text.size(); ++begin) {
    if (trie.only_first_byte >= 0) {
      const void* hit = std::memchr(text.data() + begin, trie.only_first_byte, text.size() - begin);
      if (hit == nullptr) return std::nullopt;
      begin = static_cast<std::size_t>(static_cast<const char*>(hit) - text.data());
    } else if (!trie.first_bytes[static_cast<unsigned char>(text[begin])]) {
      continue;
    }
    std::uint32_t node = 0;
    Match longest{begin, begin, -1};
    for (std::size_t end = begin; end < text.size(); ++end) {
      const auto child = trie.children.find(std::uint64_t{node} * 256 + static_cast<unsigned char>(text[end]));
      if (child == trie.children.end()) break;
      node = child->second;
      if (trie.token_at[node] >= 0) longest = {begin, end + 1, trie.token_at[node]};
    }
    if (longest.token >= 0) return longest;
  }
  return std::nullopt;
}

bool AddedTokens::may_split(Group group, bool parse_special) const {
  const Trie& trie = trie_of(group);
  return parse_special ? trie.has_any : trie.has_plain;
}

void AddedTokens::split(std::string_view text, Group group, bool parse_special, std::vector<TextPart>& out) const {
  std::size_t plain_from = 0;
  if (may_split(group, parse_special)) {
    std::size_t from = 0;
    while (const std::optional<Match> match = next_match(trie_of(group), text, from)) {
      from = match->end;
      const AddedToken& token = tokens_[static_cast<std::size_t>(match->token)];
      if (token.special && !parse_special) continue;
      if (token.single_word && (word_before(text, match->begin) || word_after(text, match->end))) continue;
      const std::size_t end = token.rstrip ? skip_space(text, match->end) : match->end;
      std::size_t begin = match->begin;
      // A match may begin within the blanks that the token before it took along; the reference counts it all the same.
      if (token.lstrip)
        begin = begin > plain_from ? skip_space_back(text, begin, plain_from) : std::min(plain_from, end);
      if (begin > plain_from) out.push_back({text.substr(plain_from, begin - plain_from), kNoToken});
      out.push_back({text.substr(begin, end - begin), token.id});
      plain_from = end;
    }
  }
  if (plain_from < text.size()) out.push_back({text.substr(plain_from), kNoToken});
}

std::optional<TokenId> AddedTokens::find(std::string_view spelling) const {
  const auto found = by_spelling_.find(spelling);
  if (found == by_spelling_.end()) return std::nullopt;
  return tokens_[found->second].id;
}

const AddedToken* AddedTokens::by_id(TokenId id) const {
  const auto found = by_id_.find(to_int(id));
  return found == by_id_.end() ? nullptr : &tokens_[found->second];
}

bool AddedTokens::is_special(TokenId id) const {
  const AddedToken* token = by_id(id);
  return token != nullptr && token->special;
}

void AddedTokens::hash_into(base::FieldHasher& hasher) const {
  hasher.add(static_cast<std::int64_t>(tokens_.size()));
  for (const AddedToken& token : tokens_) {
    hasher.add(token.content).add(static_cast<std::int64_t>(to_int(token.id)));
    hasher.add(std::int64_t{token.special} | std::int64_t{token.lstrip} << 1 | std::int64_t{token.rstrip} << 2 |
               std::int64_t{token.normalized} << 3 | std::int64_t{token.single_word} << 4);
  }
}

}  // namespace drover::text
