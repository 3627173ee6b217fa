#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/bpe_fixture_test.h"
#include "text/unicode.h"

namespace drover::text {
namespace {

using testing::ElementsAre;

std::vector<std::string> stream(const Tokenizer& tokenizer, const std::vector<TokenId>& ids,
                                DecodeOptions options = {}) {
  StreamingDecoder decoder(tokenizer, options);
  std::vector<std::string> texts;
  for (const TokenId id : ids) texts.push_back(decoder.push(id));
  texts.push_back(decoder.finish());
  return texts;
}

TEST(StreamingDecoder, WaitsForTheRestOfACharacter) {
  const auto llama3 = make_llama3_bpe(read_testdata("llama3_sparse.model"), "llama3_sparse.model");
  // The rocket is three tokens of Llama 3: F0 9F, 9A and 80.
  EXPECT_THAT(stream(*llama3, {TokenId{9906}, TokenId{9468}, TokenId{248}, TokenId{222}}),
              ElementsAre("Hello", "", "", "\U0001F680", ""));
}

TEST(StreamingDecoder, ReplacesAnUnfinishedCharacterAtTheEnd) {
  const auto llama3 = make_llama3_bpe(read_testdata("llama3_sparse.model"), "llama3_sparse.model");
  EXPECT_THAT(stream(*llama3, {TokenId{9468}, TokenId{248}}), ElementsAre("", "", "\uFFFD"));
}

TEST(StreamingDecoder, ReplacesBytesThatCannotBecomeACharacter) {
  const auto llama3 = make_llama3_bpe(read_testdata("llama3_sparse.model"), "llama3_sparse.model");
  EXPECT_THAT(stream(*llama3, {TokenId{248}, TokenId{9906}}), ElementsAre("\uFFFD", "Hello", ""));
}

TEST(StreamingDecoder, LeavesSpecialTokensOutWhenAsked) {
  const auto llama3 = make_llama3_bpe(read_testdata("llama3_sparse.model"), "llama3_sparse.model");
  EXPECT_THAT(stream(*llama3, {TokenId{9906}, TokenId{128009}}, {.skip_special = true}), ElementsAre("Hello", "", ""));
}

TEST(StreamingDecoder, HandsOutTheWholeTextInValidParts) {
  const BpeFixture fixture("smollm2");
  const auto tokenizer = fixture.tokenizer();
  for (const BpeFixture::Example& example : fixture.examples()) {
    std::string joined;
    for (const std::string& part : stream(*tokenizer, tokenizer->encode(example.text))) {
      EXPECT_TRUE(is_valid_utf8(part));
      joined += part;
    }
    EXPECT_EQ(joined, example.text);
  }
}

}  // namespace
}  // namespace drover::text
