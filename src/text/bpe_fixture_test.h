#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "text/gguf_vocabulary.h"
#include "text/tokenizer.h"
#include "text/tokenizer_factories.h"

namespace drover::text {

inline std::filesystem::path testdata_folder() {
  return std::filesystem::path(DROVER_SOURCE_FOLDER) / "src/text/testdata";
}

inline std::string read_testdata(const std::string& name) {
  std::ifstream stream(testdata_folder() / name, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

/// A sparse vocabulary with true ids (scripts/golden/sparse_tokenizers.py). The ids between are holes.
class BpeFixture {
 public:
  explicit BpeFixture(const std::string& name)
      : content_(nlohmann::json::parse(read_testdata("bpe_" + name + ".json"))) {
    const auto size = content_["size"].get<std::size_t>();
    spellings_.resize(size);
    vocabulary_.where = name;
    vocabulary_.model = "gpt2";
    vocabulary_.pre = content_["pre"];
    vocabulary_.types.assign(size, GgufTokenType::kUnused);
    for (const auto& [spelling, id] : content_["tokens"].items()) set(spelling, id, GgufTokenType::kNormal);
    for (const auto& [spelling, id] : content_["special"].items()) set(spelling, id, GgufTokenType::kControl);
    for (const auto& merge : content_["merges"]) {
      merges_.push_back(spellings_[merge[0].get<std::size_t>()] + " " + spellings_[merge[1].get<std::size_t>()]);
    }
    vocabulary_.tokens.assign(spellings_.begin(), spellings_.end());
    vocabulary_.merges.assign(merges_.begin(), merges_.end());
  }

  /// Views point into this fixture.
  GgufVocabulary& vocabulary() { return vocabulary_; }
  std::shared_ptr<const Tokenizer> tokenizer() const { return make_byte_level_bpe(vocabulary_); }

  struct Example {
    std::string text;
    std::vector<int> ids;
  };
  std::vector<Example> examples() const {
    std::vector<Example> examples;
    for (const auto& test : content_["tests"]) examples.push_back({test["text"], test["ids"]});
    return examples;
  }

  /// The same tokenizer as a tokenizer.json, whose ids have no holes in need of types.
  nlohmann::json tokenizer_json(const nlohmann::json& pre_tokenizer) const {
    nlohmann::json merges = nlohmann::json::array();
    for (const auto& merge : content_["merges"]) {
      merges.push_back({spellings_[merge[0].get<std::size_t>()], spellings_[merge[1].get<std::size_t>()]});
    }
    nlohmann::json added = nlohmann::json::array();
    for (const auto& [spelling, id] : content_["special"].items()) {
      added.push_back({{"id", id}, {"content", spelling}, {"special", true}, {"normalized", false}});
    }
    return {{"added_tokens", added},
            {"normalizer", nullptr},
            {"pre_tokenizer", pre_tokenizer},
            {"post_processor", nullptr},
            {"model", {{"type", "BPE"}, {"vocab", content_["tokens"]}, {"merges", merges}}}};
  }

 private:
  void set(const std::string& spelling, std::size_t id, GgufTokenType type) {
    spellings_[id] = spelling;
    vocabulary_.types[id] = type;
  }

  nlohmann::json content_;
  std::vector<std::string> spellings_;
  std::vector<std::string> merges_;
  GgufVocabulary vocabulary_;
};

inline std::vector<int> plain(const std::vector<TokenId>& ids) {
  std::vector<int> numbers;
  for (const TokenId id : ids) numbers.push_back(to_int(id));
  return numbers;
}

inline std::vector<int> encode_plain(const Tokenizer& tokenizer, std::string_view text,
                                     const EncodeOptions& options = {}) {
  return plain(tokenizer.encode(text, options));
}

}  // namespace drover::text
