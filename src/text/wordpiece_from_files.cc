// WordPiece out of tokenizer.json, vocab.txt and GGUF metadata.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/content_hash.h"
#include "base/error.h"
#include "text/piece_bpe.h"
#include "text/tokenizer_factories.h"
#include "text/tokenizer_json.h"
#include "text/wordpiece_tokenizer.h"

namespace drover::text {
namespace {

using nlohmann::json;
using Vocabulary = WordPieceTokenizer::Vocabulary;

/// Decoding puts no blank before some endings and marks (the `cleanup` of the decoder WordPiece).
std::string cleaned_up(std::string text) {
  constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kRules) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
      text.replace(at, from.size(), to);
  }
  return text;
}

struct Decoder {
  std::string prefix = "##";
  bool cleanup = true;
};

void fill_bytes(WordPieceTokenizer::Parts& parts, const Decoder& decoder, const std::vector<std::string>& spellings) {
  for (const std::string& spelling : spellings) {
    std::string inside;
    if (!decoder.prefix.empty() && spelling.starts_with(decoder.prefix)) {
      inside = spelling.substr(decoder.prefix.size());
    } else if (!spelling.empty()) {
      inside = " " + spelling;
    }
    parts.bytes.push_back(decoder.cleanup ? cleaned_up(std::move(inside)) : inside);
    parts.first_bytes.push_back(decoder.cleanup ? cleaned_up(spelling) : spelling);
  }
}

std::string hash_of(const WordPieceTokenizer::Parts& parts, const std::vector<std::string>& spellings,
                    std::string_view normalizer) {
  base::FieldHasher hasher;
  hasher.add("wordpiece").add(static_cast<std::int64_t>(spellings.size()));
  for (const std::string& spelling : spellings) hasher.add(spelling);
  hasher.add(parts.continuing_prefix)
      .add(std::int64_t{parts.unk_id})
      .add(static_cast<std::int64_t>(parts.max_characters_per_word));
  hasher.add(normalizer);
  parts.added.hash_into(hasher);
  parts.frame.hash_into(hasher);
  return hasher.finish().hex();
}

std::int32_t unknown_id(const Vocabulary& vocabulary, const std::string& spelling, std::string_view where) {
  const auto found = vocabulary.find(spelling);
  if (found == vocabulary.end())
    throw base::UserError("{}: the unknown token '{}' is not in the vocabulary.", where, spelling);
  return found->second;
}

void require_bert_pre_tokenizer(const json& part, std::string_view where) {
  const std::string type = json_type(part, where);
  if (type != "BertPreTokenizer") {
    throw base::UserError("{}: WordPiece with the pre-tokenizer '{}' is not supported; BertPreTokenizer is.", where,
                          type.empty() ? "null" : type);
  }
}

Decoder read_decoder(const json& part, std::string_view where) {
  Decoder decoder;
  const std::string type = json_type(part, where);
  if (type.empty()) return decoder;
  if (type != "WordPiece") throw base::UserError("{}: the decoder '{}' is not supported for WordPiece.", where, type);
  decoder.prefix = json_text(part, "prefix", where).value_or("##");
  decoder.cleanup = json_flag(part, "cleanup", true, where);
  return decoder;
}

AddedTokens normalized_tokens(const std::vector<AddedToken>& added, const TextNormalizer& normalizer) {
  std::vector<AddedToken> tokens;
  for (const AddedToken& token : added) {
    if (!token.normalized) continue;
    tokens.push_back(token);
    tokens.back().content = normalizer.apply(token.content);
    if (tokens.back().content.empty()) tokens.pop_back();
  }
  return AddedTokens(std::move(tokens));
}

/// A vocabulary without a tokenizer.json: BERT's own special tokens, and its normalizer with these options.
std::shared_ptr<const Tokenizer> make_plain_bert(Vocabulary vocabulary, const BertNormalizerOptions& options,
                                                 std::string_view where) {
  WordPieceTokenizer::Parts parts;
  std::vector<AddedToken> added;
  for (const char* spelling : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) {
    if (const auto found = vocabulary.find(spelling); found != vocabulary.end()) {
      added.push_back({.content = spelling, .id = TokenId{found->second}, .special = true});
    }
  }
  parts.unk_id = unknown_id(vocabulary, "[UNK]", where);
  parts.bos = TokenId{unknown_id(vocabulary, "[CLS]", where)};
  parts.eos = TokenId{unknown_id(vocabulary, "[SEP]", where)};
  parts.frame = {{*parts.bos}, {*parts.eos}};
  parts.normalizer.append_step([options](std::string& text) { text = bert_normalise(text, options); });
  const std::vector<std::string> spellings = spellings_by_id(vocabulary, added);
  parts.vocabulary = std::move(vocabulary);
  parts.added = AddedTokens(std::move(added));
  fill_bytes(parts, {}, spellings);
  parts.hash = hash_of(parts, spellings,
                       fmt::format("bert {}{}{}{}", options.clean_text, options.handle_chinese_chars,
                                   options.strip_accents, options.lowercase));
  return std::make_shared<WordPieceTokenizer>(std::move(parts));
}

}  // namespace

std::shared_ptr<const Tokenizer> make_wordpiece(const json& file, const DeclaredTokens& declared,
                                                std::string_view where) {
  const json& model = json_part(file, "model");
  WordPieceTokenizer::Parts parts;
  parts.vocabulary = read_json_vocabulary(model, where);
  parts.continuing_prefix = json_text(model, "continuing_subword_prefix", where).value_or("##");
  parts.unk_id = unknown_id(parts.vocabulary, json_text(model, "unk_token", where).value_or("[UNK]"), where);
  if (const json& most = json_part(model, "max_input_chars_per_word"); !most.is_null()) {
    if (!most.is_number_unsigned() || most > 1000)
      throw base::UserError("{}: max_input_chars_per_word is not a number from 0 to 1000.", where);
    parts.max_characters_per_word = most.get<std::size_t>();
  }
  require_bert_pre_tokenizer(json_part(file, "pre_tokenizer"), where);
  parts.normalizer = TextNormalizer(json_part(file, "normalizer"), where);
  const std::vector<AddedToken> added = read_json_added_tokens(file, parts.vocabulary.size(), where);
  const std::vector<std::string> spellings = spellings_by_id(parts.vocabulary, added);
  parts.added = AddedTokens(added);
  parts.added_normalized = normalized_tokens(added, parts.normalizer);
  parts.frame = read_special_frame(json_part(file, "post_processor"), where);
  const auto find = [&](const std::optional<std::string>& spelling) {
    return spelling ? parts.added.find(*spelling) : std::nullopt;
  };
  parts.bos = find(declared.bos);
  parts.eos = find(declared.eos);
  fill_bytes(parts, read_decoder(json_part(file, "decoder"), where), spellings);
  parts.hash =
      hash_of(parts, spellings, json_part(file, "normalizer").dump(-1, ' ', false, json::error_handler_t::replace));
  return std::make_shared<WordPieceTokenizer>(std::move(parts));
}

std::shared_ptr<const Tokenizer> make_wordpiece_from_vocab_file(std::string_view lines, const json& config,
                                                                std::string_view where) {
  Vocabulary vocabulary;
  std::int32_t id = 0;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    std::string_view line = lines.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) vocabulary.insert_or_assign(std::string(line), id);
    ++id;
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  if (vocabulary.empty()) throw base::UserError("{} holds no tokens.", where);
  BertNormalizerOptions options;
  options.lowercase = json_flag(config, "do_lower_case", true, where);
  options.strip_accents = json_flag(config, "strip_accents", options.lowercase, where);
  options.handle_chinese_chars = json_flag(config, "tokenize_chinese_chars", true, where);
  return make_plain_bert(std::move(vocabulary), options, where);
}

std::shared_ptr<const Tokenizer> make_wordpiece(const GgufVocabulary& source) {
  // GGUF marks pieces that begin a word with U+2581 where BERT marks those that continue one with "##".
  Vocabulary vocabulary;
  for (std::size_t i = 0; i < source.tokens.size(); ++i) {
    const std::string_view token = source.tokens[i];
    std::string spelling;
    if (token.starts_with(kMetaspace)) {
      spelling = token.substr(kMetaspace.size());
    } else if (token.starts_with('[') && token.ends_with(']')) {
      spelling = token;
    } else {
      spelling = "##" + std::string(token);
    }
    vocabulary.insert_or_assign(std::move(spelling), static_cast<std::int32_t>(i));
  }
  return make_plain_bert(std::move(vocabulary), {}, source.where);
}

}  // namespace drover::text
