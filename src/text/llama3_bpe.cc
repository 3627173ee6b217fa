#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "text/base64.h"
#include "text/byte_level_bpe.h"
#include "text/known_patterns.h"
#include "text/make_pre_tokenizer.h"
#include "text/tokenizer_factories.h"

namespace drover::text {
namespace {

constexpr std::int32_t kFirstSpecial = 128000;
constexpr std::int32_t kNumSpecial = 256;

/// The names of Meta's tokenizer.py since Llama 3.1; models know the ids only.
std::string special_name(std::int32_t id) {
  switch (id - kFirstSpecial) {
    case 0:
      return "<|begin_of_text|>";
    case 1:
      return "<|end_of_text|>";
    case 2:
      return "<|reserved_special_token_0|>";
    case 3:
      return "<|reserved_special_token_1|>";
    case 4:
      return "<|finetune_right_pad_id|>";
    case 5:
      return "<|step_id|>";
    case 6:
      return "<|start_header_id|>";
    case 7:
      return "<|end_header_id|>";
    case 8:
      return "<|eom_id|>";
    case 9:
      return "<|eot_id|>";
    case 10:
      return "<|python_tag|>";
    case 11:
      return "<|image|>";
    default:
      return fmt::format("<|reserved_special_token_{}|>", id - kFirstSpecial - 10);
  }
}

ByteLevelBpeParts::Token read_line(std::string_view line, std::size_t number, std::string_view where) {
  const std::size_t blank = line.find(' ');
  std::int32_t rank = -1;
  if (blank != std::string_view::npos) {
    const char* const end = line.data() + line.size();
    const auto [after, error] = std::from_chars(line.data() + blank + 1, end, rank);
    if (error != std::errc() || after != end) rank = -1;
  }
  const std::optional<std::string> bytes =
      blank == std::string_view::npos ? std::nullopt : decode_base64(line.substr(0, blank));
  if (!bytes || bytes->empty() || rank < 0) {
    throw base::UserError("{}, line {}: expected 'base64 rank'. Is it the tokenizer.model of Llama 3?", where, number);
  }
  if (rank >= kFirstSpecial) {
    throw base::UserError(
        "{}, line {}: the rank {} is not below {}, as in Llama 3's tokenizer. Other vocabularies need a "
        "tokenizer.json.",
        where, number, rank, kFirstSpecial);
  }
  return {*bytes, TokenId{rank}};
}

std::vector<ByteLevelBpeParts::Token> read_ranks(std::string_view text, std::string_view where) {
  std::vector<ByteLevelBpeParts::Token> tokens;
  std::vector<bool> seen(kFirstSpecial);
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t length = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, length);
    text.remove_prefix(std::min(length + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    tokens.push_back(read_line(line, number, where));
    const auto rank = static_cast<std::size_t>(to_int(tokens.back().id));
    if (seen[rank]) throw base::UserError("{}, line {}: the rank {} occurs twice.", where, number, rank);
    seen[rank] = true;
  }
  if (tokens.empty()) throw base::UserError("{} is empty.", where);
  return tokens;
}

/// Ranks say when two neighbours merge by what they spell together, so each way to cut a token in two tokens is a
/// merge.
void add_merges(ByteLevelBpeParts& parts, std::string_view where) {
  PieceTable ids(parts.vocabulary.size());
  for (const ByteLevelBpeParts::Token& token : parts.vocabulary) {
    if (ids.find(token.bytes) != kNoToken) {
      throw base::UserError("{}: the token with rank {} occurs twice.", where, to_int(token.id));
    }
    ids.add(token.bytes, token.id);
    if (token.bytes.size() == 1) parts.byte_tokens[static_cast<unsigned char>(token.bytes[0])] = {token.id};
  }
  constexpr std::size_t kLongestToken = 4096;  // Llama 3's longest has 128 bytes; bounds the work of a hostile file
  for (const ByteLevelBpeParts::Token& token : parts.vocabulary) {
    const std::string_view bytes = token.bytes;
    if (bytes.size() > kLongestToken)
      throw base::UserError("{}: the token with rank {} has {} bytes.", where, to_int(token.id), bytes.size());
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
      const TokenId left = ids.find(bytes.substr(0, cut));
      if (left == kNoToken) continue;
      const TokenId right = ids.find(bytes.substr(cut));
      if (right != kNoToken) parts.merges.push_back({left, right, token.id, to_int(token.id)});
    }
  }
}

}  // namespace

std::shared_ptr<const Tokenizer> make_llama3_bpe(std::string_view tiktoken_ranks, std::string_view where) {
  ByteLevelBpeParts parts;
  parts.vocabulary = read_ranks(tiktoken_ranks, where);
  add_merges(parts, where);
  std::vector<AddedToken> special;
  for (std::int32_t id = kFirstSpecial; id < kFirstSpecial + kNumSpecial; ++id) {
    special.push_back({.content = special_name(id), .id = TokenId{id}, .special = true});
  }
  parts.added = AddedTokens(std::move(special));
  parts.pre_tokenizer = make_pre_tokenizer({{.pattern = std::string(known_pattern::kLlama3)}});
  parts.ignore_merges = true;
  parts.bos = TokenId{kFirstSpecial};
  parts.eos = TokenId{kFirstSpecial + 1};
  parts.frame.before = {*parts.bos};
  return std::make_shared<ByteLevelBpe>(std::move(parts));
}

}  // namespace drover::text
