// Any bytes as text for every hand-written pre-tokenizer: encoding and decoding gives them back, and the stream of
// tokens as well.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "text/byte_spelling.h"
#include "text/known_patterns.h"
#include "text/tokenizer_factories.h"
#include "text/unicode.h"

namespace {

using namespace drover::text;
using nlohmann::json;

/// A token for every byte and a few merges.
std::shared_ptr<const Tokenizer> make_tokenizer(const json& pre_tokenizer) {
  json vocabulary = json::object();
  for (int byte = 0; byte < 256; ++byte) vocabulary[spell_bytes(std::string(1, static_cast<char>(byte)))] = byte;
  json merges = json::array();
  for (const auto& [left, right] : {std::pair{"a", "b"},
                                    {"ab", "ab"},
                                    {"\u0120", "\u0120"},
                                    {"\u0120\u0120", "\u0120\u0120"},
                                    {"\u00c3", "\u00a9"},
                                    {"1", "2"}}) {
    vocabulary[std::string(left) + right] = vocabulary.size();
    merges.push_back({left, right});
  }
  return make_byte_level_bpe(
      json{{"pre_tokenizer", pre_tokenizer}, {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", merges}}}},
      DeclaredTokens{}, "fuzz");
}

std::vector<std::shared_ptr<const Tokenizer>> make_tokenizers() {
  const auto byte_level = [](bool use_regex) {
    return json{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", use_regex}};
  };
  std::vector<std::shared_ptr<const Tokenizer>> tokenizers = {make_tokenizer(byte_level(true))};
  tokenizers.push_back(
      make_tokenizer({{"type", "Sequence"},
                      {"pretokenizers", {{{"type", "Digits"}, {"individual_digits", true}}, byte_level(true)}}}));
  for (const std::string_view pattern :
       {known_pattern::kLlama3, known_pattern::kQwen2, known_pattern::kQwen35,
        std::string_view(R"(\p{Lu}\p{Ll}+|\s+$)"), std::string_view(R"(\s?[!-/\p{P}]+)")}) {
    tokenizers.push_back(make_tokenizer(
        {{"type", "Sequence"},
         {"pretokenizers",
          {{{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}},
           byte_level(false)}}}));
  }
  return tokenizers;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto tokenizers = make_tokenizers();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& tokenizer : tokenizers) {
    const std::vector<TokenId> ids = tokenizer->encode(text);
    if (tokenizer->decode(ids, {}) != text) std::abort();
    StreamingDecoder decoder(*tokenizer);
    std::string streamed;
    for (const TokenId id : ids) streamed += decoder.push(id);
    streamed += decoder.finish();
    if (!is_valid_utf8(streamed) || (is_valid_utf8(text) && streamed != text)) std::abort();
  }
  return 0;
}
