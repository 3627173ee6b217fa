// Small tokenizers of each kind against the ids of Hugging Face tokenizers and SentencePiece
// (scripts/golden/make_text_golden.py).
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "text/base64.h"
#include "text/load_tokenizer.h"
#include "text/tokenizer_factories.h"
#include "text/unicode.h"

namespace drover::text {
namespace {

using nlohmann::json;

json read_golden(const std::string& name) {
  return json::parse(
      base::read_file(std::filesystem::path(DROVER_SOURCE_FOLDER) / "src/text/testdata" / (name + ".golden.json")));
}

std::vector<int> plain_ids(const std::vector<TokenId>& ids) {
  std::vector<int> plain;
  for (const TokenId id : ids) plain.push_back(to_int(id));
  return plain;
}

class GoldenTokenizer : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    golden_ = read_golden(GetParam());
    folder_ = std::filesystem::temp_directory_path() /
              ("drover_text_" + std::string(GetParam()) + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    if (golden_.contains("tokenizer_json")) {
      base::write_file_atomically(folder_ / "tokenizer.json", golden_["tokenizer_json"].dump());
    } else {
      base::write_file_atomically(folder_ / "tokenizer.model",
                                  *decode_base64(golden_["model_base64"].get<std::string>()));
    }
    tokenizer_ = load_tokenizer(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  json golden_;
  std::filesystem::path folder_;
  std::shared_ptr<const Tokenizer> tokenizer_;
};

TEST_P(GoldenTokenizer, GivesTheIdsOfItsReference) {
  for (const json& item : golden_["cases"]) {
    EXPECT_EQ(plain_ids(tokenizer_->encode(item["text"].get<std::string>())), item["ids"].get<std::vector<int>>())
        << item["text"];
  }
  EXPECT_GE(golden_["cases"].size(), 100u);
}

TEST_P(GoldenTokenizer, ParsesAndAddsSpecialTokensAsItsReference) {
  if (golden_["special_cases"].empty()) GTEST_SKIP() << "SentencePiece itself parses no special tokens";
  for (const json& item : golden_["special_cases"]) {
    const auto ids = tokenizer_->encode(item["text"].get<std::string>(), {.parse_special = true, .add_special = true});
    EXPECT_EQ(plain_ids(ids), item["ids"].get<std::vector<int>>()) << item["text"];
  }
}

TEST_P(GoldenTokenizer, DecodesAsItsReference) {
  for (const json& item : golden_["cases"]) {
    if (item["decoded"].is_null()) continue;
    std::vector<TokenId> ids;
    for (const int id : item["ids"]) ids.push_back(TokenId{id});
    EXPECT_EQ(tokenizer_->decode(ids), item["decoded"].get<std::string>()) << item["text"];
  }
}

TEST_P(GoldenTokenizer, StreamsTheSameTextInWholeCharacters) {
  for (const json& item : golden_["cases"]) {
    if (item["decoded"].is_null()) continue;
    StreamingDecoder decoder(*tokenizer_);
    std::string text;
    for (const int id : item["ids"]) {
      const std::string step = decoder.push(TokenId{id});
      EXPECT_TRUE(is_valid_utf8(step)) << item["text"];
      text += step;
    }
    EXPECT_EQ(text + decoder.finish(), item["decoded"].get<std::string>());
  }
}

TEST_P(GoldenTokenizer, NeverFailsOnBytesThatAreNoUtf8) {
  for (const std::string text : {"\xFF", "a\xC3", "\xE2\x96", "\xED\xA0\x80 x", "\xF0\x9F\x98", "\x80\x81 \xFE"}) {
    for (const TokenId id : tokenizer_->encode(text)) EXPECT_LT(to_int(id), tokenizer_->vocab_size());
  }
}

TEST_P(GoldenTokenizer, HasOneHashForOneContent) {
  EXPECT_EQ(load_tokenizer(folder_)->hash(), tokenizer_->hash());
  EXPECT_EQ(tokenizer_->hash().size(), 32u);
}

INSTANTIATE_TEST_SUITE_P(Kinds, GoldenTokenizer,
                         testing::Values("llama2_style", "mistral_style", "sentencepiece_bytes", "sentencepiece_rules",
                                         "sentencepiece_unused", "bert_uncased_style", "bert_cased_style",
                                         "roberta_style"),
                         [](const auto& info) { return std::string(info.param); });

TEST(SentencePieceTokenizer, GivesBytesThatAreNoUtf8BackUnchanged) {
  const json golden = read_golden("sentencepiece_bytes");
  const auto tokenizer =
      make_sentencepiece_bpe_from_model(*decode_base64(golden["model_base64"].get<std::string>()), {}, "test");
  for (const std::string text : {"\xFF", "a\xC3 b", "\xE2\x96", "\xED\xA0\x80", "ok \xF0\x9F\x98 ok"}) {
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  }
}

TEST(SentencePieceTokenizer, EncodesWhatSpellsAControlPieceAsPlainTextUnlessAsked) {
  const json golden = read_golden("sentencepiece_bytes");
  const auto tokenizer =
      make_sentencepiece_bpe_from_model(*decode_base64(golden["model_base64"].get<std::string>()), {}, "test");
  const TokenId end = tokenizer->special("</s>").value();
  const auto plain = tokenizer->encode("a</s>");
  EXPECT_EQ(std::count(plain.begin(), plain.end(), end), 0);
  EXPECT_EQ(tokenizer->encode("a</s>", {.parse_special = true}).back(), end);
  EXPECT_EQ(tokenizer->encode("a", {.add_special = true}).front(), tokenizer->bos().value());
  EXPECT_EQ(tokenizer->decode(std::vector{end}, {.skip_special = true}), "");
  EXPECT_EQ(tokenizer->decode(std::vector{end}), "</s>");
}

}  // namespace
}  // namespace drover::text
