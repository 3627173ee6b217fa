#include <algorithm>
#include <array>

#include "base/error.h"
#include "text/byte_level_bpe.h"
#include "text/byte_spelling.h"
#include "text/make_pre_tokenizer.h"
#include "text/tokenizer_factories.h"
#include "text/unicode.h"

namespace drover::text {
namespace {

/// The families for which llama.cpp prefers whole tokens to merges, and those that begin with BOS unless the file says
/// otherwise.
constexpr std::array<std::string_view, 9> kLlama3Names = {
    "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano"};
constexpr std::array<std::string_view, 3> kOthersThatIgnoreMerges = {"chatglm-bpe", "youtu", "tekken"};

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Returns the ids of ordinary tokens by their spelling in the file.
PieceTable read_tokens(const GgufVocabulary& vocabulary, ByteLevelBpeParts& parts) {
  PieceTable ids(vocabulary.tokens.size());
  std::vector<AddedToken> added;
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const std::string_view spelling = vocabulary.tokens[i];
    const TokenId id{static_cast<std::int32_t>(i)};
    const GgufTokenType type = vocabulary.types[i];
    if (type == GgufTokenType::kUnused || spelling.empty()) continue;
    if (type == GgufTokenType::kControl || type == GgufTokenType::kUnknown || type == GgufTokenType::kUserDefined) {
      added.push_back({.content = std::string(spelling), .id = id, .special = type != GgufTokenType::kUserDefined});
      continue;
    }
    ids.add(spelling, id);
    auto bytes = unspell_bytes(spelling);
    const bool decode_only = !bytes.has_value();
    parts.vocabulary.push_back({decode_only ? std::string(spelling) : std::move(*bytes), id, decode_only});
  }
  parts.added = AddedTokens(std::move(added));
  return ids;
}

void read_merges(const GgufVocabulary& vocabulary, const PieceTable& ids, ByteLevelBpeParts& parts) {
  parts.merges.reserve(vocabulary.merges.size());
  std::string joined;
  for (std::size_t i = 0; i < vocabulary.merges.size(); ++i) {
    const std::string_view merge = vocabulary.merges[i];
    const std::size_t blank = merge.find(' ', 1);
    if (merge.empty() || blank == std::string_view::npos) {
      throw base::UserError("{}: merge {} ('{}') is not a pair of two tokens.", vocabulary.where, i, merge);
    }
    const TokenId left = ids.find(merge.substr(0, blank));
    const TokenId right = ids.find(merge.substr(blank + 1));
    joined.assign(merge.substr(0, blank)).append(merge.substr(blank + 1));
    const TokenId result = ids.find(joined);
    // Converters keep merges of tokens that they dropped or marked as added; such merges can never apply.
    if (left == kNoToken || right == kNoToken || result == kNoToken) continue;
    parts.merges.push_back({left, right, result, static_cast<std::int32_t>(i)});
  }
}

}  // namespace

std::shared_ptr<const Tokenizer> make_byte_level_bpe(const GgufVocabulary& vocabulary) {
  if (vocabulary.tokens.size() > static_cast<std::size_t>(TokenSpellings::kLargestId)) {
    throw base::UserError("{}: a vocabulary of {} tokens is too large.", vocabulary.where, vocabulary.tokens.size());
  }
  if (vocabulary.merges.empty()) throw base::UserError("{}: tokenizer.ggml.merges is missing.", vocabulary.where);
  ByteLevelBpeParts parts;
  const PieceTable ids = read_tokens(vocabulary, parts);
  read_merges(vocabulary, ids, parts);
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::string spelling;
    append_utf8(spelling_of_byte(static_cast<std::uint8_t>(byte)), spelling);
    if (const TokenId found = ids.find(spelling); found != kNoToken) parts.byte_tokens[byte] = {found};
  }
  parts.pre_tokenizer = make_pre_tokenizer(split_steps_of_gguf(vocabulary.pre, vocabulary.where));
  parts.ignore_merges = is_one_of(vocabulary.pre, kLlama3Names) || is_one_of(vocabulary.pre, kOthersThatIgnoreMerges);
  // A GGUF file does not say it, but Qwen's own tokenizer.json composes text first, so that is what the models know.
  if (vocabulary.pre == "qwen2" || vocabulary.pre == "qwen35") parts.normal_forms = {NormalForm::kNfc};
  const bool begins = is_one_of(vocabulary.pre, kLlama3Names) || vocabulary.pre == "tekken";
  if (vocabulary.add_bos.value_or(begins) && vocabulary.bos) parts.frame.before = {*vocabulary.bos};
  if (vocabulary.add_eos.value_or(false) && vocabulary.eos) parts.frame.after = {*vocabulary.eos};
  parts.bos = vocabulary.bos;
  parts.eos = vocabulary.eos;
  parts.least_vocab_size = static_cast<std::int32_t>(vocabulary.tokens.size());
  return std::make_shared<ByteLevelBpe>(std::move(parts));
}

}  // namespace drover::text
