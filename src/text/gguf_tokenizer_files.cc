#include "text/gguf_tokenizer_files.h"

#include <bit>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"
#include "text/gguf_vocabulary.h"
#include "text/split_step.h"
#include "weights/gguf.h"

namespace drover::text {
namespace {

using Json = nlohmann::ordered_json;

std::size_t index_of(TokenId id) { return static_cast<std::size_t>(to_int(id)); }

// A null or a spelling, as tokenizer_config.json names a special token.
Json spelling(const GgufVocabulary& vocabulary, std::optional<TokenId> id) {
  return id ? Json(std::string(vocabulary.tokens[index_of(*id)])) : Json(nullptr);
}

Json added_token(const GgufVocabulary& vocabulary, std::size_t index) {
  return {{"id", index},          {"content", std::string(vocabulary.tokens[index])}, {"single_word", false},
          {"lstrip", false},      {"rstrip", false},                                  {"normalized", false},
          {"special", vocabulary.types[index] != GgufTokenType::kUserDefined}};
}

Json pre_tokenizer(const GgufVocabulary& vocabulary) {
  Json steps = Json::array();
  for (const SplitStep& step : split_steps_of_gguf(vocabulary.pre, vocabulary.where)) {
    steps.push_back({{"type", "Split"}, {"pattern", {{"Regex", step.pattern}}}, {"behavior", "Isolated"}, {"invert", step.invert}});
  }
  steps.push_back({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}});
  return {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}};
}

// Adds the token that begins every sequence, where the file says so.
Json post_processor(const GgufVocabulary& vocabulary) {
  const Json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", false}, {"use_regex", true}};
  if (!vocabulary.add_bos.value_or(false) || !vocabulary.bos) return byte_level;
  const std::string bos(vocabulary.tokens[index_of(*vocabulary.bos)]);
  const Json begin = {{"SpecialToken", {{"id", bos}, {"type_id", 0}}}};
  const Json first = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const Json second = {{"Sequence", {{"id", "B"}, {"type_id", 1}}}};
  const Json tokens = {{bos, {{"id", bos}, {"ids", {to_int(*vocabulary.bos)}}, {"tokens", {bos}}}}};
  return {{"type", "TemplateProcessing"}, {"single", {begin, first}}, {"pair", {begin, first, second}}, {"special_tokens", tokens}};
}

std::string tokenizer_json(const GgufVocabulary& vocabulary) {
  Json vocab = Json::object();
  Json added = Json::array();
  // An ordered_json object searches its keys one by one on insertion; the vocabulary is large, so it is filled below the surface.
  auto& entries = vocab.get_ref<Json::object_t&>();
  entries.reserve(vocabulary.tokens.size());
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    entries.push_back({std::string(vocabulary.tokens[i]), Json(i)});
    const GgufTokenType type = vocabulary.types[i];
    if (type == GgufTokenType::kControl || type == GgufTokenType::kUnknown || type == GgufTokenType::kUserDefined) {
      added.push_back(added_token(vocabulary, i));
    }
  }
  Json merges = Json::array();
  for (const std::string_view merge : vocabulary.merges) merges.push_back(std::string(merge));
  // Llama 3 keeps a piece that is a token whole, whatever its merges say (llama.cpp does so for these names).
  const bool ignore_merges = vocabulary.pre == "llama-bpe" || vocabulary.pre == "llama3" || vocabulary.pre == "llama-v3";
  const Json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
  const Json json = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", std::move(added)},
                     {"normalizer", nullptr},
                     {"pre_tokenizer", pre_tokenizer(vocabulary)},
                     {"post_processor", post_processor(vocabulary)},
                     {"decoder", byte_level},
                     {"model",
                      {{"type", "BPE"},
                       {"dropout", nullptr},
                       {"unk_token", nullptr},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", false},
                       {"byte_fallback", false},
                       {"ignore_merges", ignore_merges},
                       {"vocab", std::move(vocab)},
                       {"merges", std::move(merges)}}}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The few pieces of protobuf's encoding that a SentencePiece model needs.
class ProtobufWriter {
 public:
  void varint(std::uint32_t field, std::uint64_t value) {
    raw_varint(field << 3);
    raw_varint(value);
  }
  void number(std::uint32_t field, float value) {
    raw_varint(field << 3 | 5);
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) out_.push_back(static_cast<char>(bits >> shift & 0xFF));
  }
  void bytes(std::uint32_t field, std::string_view value) {
    raw_varint(field << 3 | 2);
    raw_varint(value.size());
    out_.append(value);
  }
  const std::string& text() const { return out_; }

 private:
  void raw_varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<char>((value & 0x7F) | 0x80));
    out_.push_back(static_cast<char>(value));
  }
  std::string out_;
};

std::uint64_t id_or_none(std::optional<TokenId> id) {  // protobuf writes -1 as 64 set bits
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(id ? to_int(*id) : -1));
}

std::string sentencepiece_model(const GgufVocabulary& vocabulary) {
  ProtobufWriter model;
  bool byte_fallback = false;
  std::optional<TokenId> unknown = vocabulary.unknown;
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const GgufTokenType type = vocabulary.types[i] == GgufTokenType::kUndefined ? GgufTokenType::kNormal : vocabulary.types[i];
    byte_fallback |= type == GgufTokenType::kByte;
    if (type == GgufTokenType::kUnknown && !unknown) unknown = TokenId{static_cast<std::int32_t>(i)};
    ProtobufWriter piece;
    piece.bytes(1, vocabulary.tokens[i]);
    piece.number(2, vocabulary.scores.empty() ? 0.0F : static_cast<float>(vocabulary.scores[i]));
    piece.varint(3, static_cast<std::uint64_t>(type));
    model.bytes(1, piece.text());
  }
  ProtobufWriter trainer;
  trainer.varint(3, 2);  // BPE
  trainer.varint(4, vocabulary.tokens.size());
  trainer.varint(35, byte_fallback ? 1 : 0);
  trainer.varint(40, id_or_none(unknown));
  trainer.varint(41, id_or_none(vocabulary.bos));
  trainer.varint(42, id_or_none(vocabulary.eos));
  trainer.varint(43, id_or_none(vocabulary.padding));
  model.bytes(2, trainer.text());
  ProtobufWriter normalizer;
  normalizer.bytes(1, "identity");
  normalizer.varint(3, vocabulary.add_space_prefix.value_or(true) ? 1 : 0);
  normalizer.varint(4, vocabulary.remove_extra_whitespaces.value_or(false) ? 1 : 0);
  normalizer.varint(5, 1);
  model.bytes(3, normalizer.text());
  return model.text();
}

std::string tokenizer_config_json(const GgufVocabulary& vocabulary, std::string_view tokenizer_class) {
  Json json = {{"tokenizer_class", tokenizer_class},
               {"bos_token", spelling(vocabulary, vocabulary.bos)},
               {"eos_token", spelling(vocabulary, vocabulary.eos)},
               {"unk_token", spelling(vocabulary, vocabulary.unknown)},
               {"pad_token", spelling(vocabulary, vocabulary.padding)},
               {"add_bos_token", vocabulary.add_bos.value_or(tokenizer_class == "LlamaTokenizer")},
               {"add_eos_token", vocabulary.add_eos.value_or(false)},
               {"clean_up_tokenization_spaces", false}};
  if (tokenizer_class == "LlamaTokenizer") json["legacy"] = true;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

TokenizerFiles tokenizer_files_of_gguf(const std::filesystem::path& gguf_file) {
  const auto file = weights::GgufFile::open(gguf_file);
  const GgufVocabulary vocabulary = read_gguf_vocabulary(file, gguf_file.string());
  if (vocabulary.model == "gpt2") {
    return {.tokenizer_json = tokenizer_json(vocabulary),
            .tokenizer_model = {},
            .tokenizer_config_json = tokenizer_config_json(vocabulary, "PreTrainedTokenizerFast")};
  }
  if (vocabulary.model == "llama") {
    return {.tokenizer_json = {},
            .tokenizer_model = sentencepiece_model(vocabulary),
            .tokenizer_config_json = tokenizer_config_json(vocabulary, "LlamaTokenizer")};
  }
  throw base::UserError("{}: a tokenizer of the kind '{}' cannot be written as Hugging Face files; take the model's folder instead of "
                        "its GGUF file.", vocabulary.where, vocabulary.model);
}

}  // namespace drover::text
