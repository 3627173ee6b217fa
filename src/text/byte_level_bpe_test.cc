#include "text/byte_level_bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random_stream.h"
#include "base/thread_pool.h"
#include "text/bpe_fixture_test.h"
#include "text/byte_spelling.h"
#include "text/encode_batch.h"
#include "text/unicode.h"

namespace drover::text {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

const Tokenizer& smollm2() {
  static const auto tokenizer = BpeFixture("smollm2").tokenizer();
  return *tokenizer;
}

const Tokenizer& llama3() {
  static const auto tokenizer = make_llama3_bpe(read_testdata("llama3_sparse.model"), "llama3_sparse.model");
  return *tokenizer;
}

const json kSmolLmSteps = {{"type", "Sequence"},
                           {"pretokenizers",
                            {{{"type", "Digits"}, {"individual_digits", true}},
                             {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}}}};

class PublishedPairs : public testing::TestWithParam<const char*> {};

TEST_P(PublishedPairs, EncodeAsTheirReferenceDid) {
  const BpeFixture fixture(GetParam());
  const auto tokenizer = fixture.tokenizer();
  for (const BpeFixture::Example& example : fixture.examples()) {
    EXPECT_EQ(encode_plain(*tokenizer, example.text), example.ids) << example.text;
  }
}

TEST_P(PublishedPairs, DecodeToTheTextThatWasEncoded) {
  const BpeFixture fixture(GetParam());
  const auto tokenizer = fixture.tokenizer();
  for (const BpeFixture::Example& example : fixture.examples()) {
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(example.text), {}), example.text);
  }
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, PublishedPairs,
                         testing::Values("gpt_2", "llama_bpe", "qwen2", "starcoder", "refact", "deepseek_llm",
                                         "deepseek_coder", "smollm2"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Llama3Bpe, EncodesAsTiktokenDoes) {
  const json tests = json::parse(read_testdata("llama3_expected.json"));
  ASSERT_GT(tests.size(), 60u);
  for (const json& test : tests) {
    const std::string text = test["text"];
    EXPECT_EQ(encode_plain(llama3(), text), test["ids"].get<std::vector<int>>()) << text;
  }
}

TEST(Llama3Bpe, EncodesTheVectorsOfTheFormatPage) {
  const std::pair<const char*, std::vector<int>> vectors[] = {
      {"Hello world!  x\n\n  y", {9906, 1917, 0, 220, 865, 271, 220, 379}},
      {"12345678 3.14159", {4513, 10961, 2495, 220, 18, 13, 9335, 2946}},
      {" 1234", {220, 4513, 19}},
      {"don't DON'T I'LL", {15357, 956, 45373, 17773, 358, 6, 4178}},
      {"x = 10\n  20", {87, 284, 220, 605, 198, 220, 220, 508}},
      {"\U0001F680", {9468, 248, 222}},
      {"system", {9125}},
      {"user", {882}},
      {"assistant", {78191}},
      {"tool", {14506}},
      {"ipython", {23799, 4690}},
      {"\n", {198}},
      {"\n\n", {271}},
      {"\n\n\n", {1432}},
      {"Environment: ipython\n", {13013, 25, 6125, 27993, 198}},
      {"<function=trending_songs>{\"n\": 10}</function>",
       {27, 1723, 24957, 63094, 646, 13483, 89963, 77, 794, 220, 605, 5474, 1723, 29}},
      {"completed\n[stdout]8[/stdout]", {35835, 198, 58, 37458, 60, 23, 25130, 37458, 60}},
  };
  for (const auto& [text, ids] : vectors) EXPECT_EQ(encode_plain(llama3(), text), ids) << text;
}

TEST(Llama3Bpe, EncodesSpecialStringsOfUsersAsPlainTextUnlessAsked) {
  EXPECT_THAT(encode_plain(llama3(), "<|eot_id|>"), ElementsAre(27, 91, 68, 354, 851, 91, 29));
  EXPECT_THAT(encode_plain(llama3(), "<|eot_id|>", {.parse_special = true}), ElementsAre(128009));
}

TEST(Llama3Bpe, PutsBeginOfTextFirstWhenSpecialTokensAreAdded) {
  EXPECT_THAT(encode_plain(llama3(), "Hello", {.add_special = true}), ElementsAre(128000, 9906));
}

TEST(Llama3Bpe, NamesTheSpecialTokensAsMetaDoesSince31) {
  const std::pair<const char*, int> names[] = {{"<|begin_of_text|>", 128000},
                                               {"<|end_of_text|>", 128001},
                                               {"<|reserved_special_token_0|>", 128002},
                                               {"<|finetune_right_pad_id|>", 128004},
                                               {"<|step_id|>", 128005},
                                               {"<|start_header_id|>", 128006},
                                               {"<|end_header_id|>", 128007},
                                               {"<|eom_id|>", 128008},
                                               {"<|python_tag|>", 128010},
                                               {"<|image|>", 128011},
                                               {"<|reserved_special_token_2|>", 128012},
                                               {"<|reserved_special_token_245|>", 128255}};
  for (const auto& [name, id] : names) EXPECT_EQ(llama3().special(name), TokenId{id}) << name;
  EXPECT_EQ(llama3().vocab_size(), 128256);
  EXPECT_TRUE(llama3().is_special(TokenId{128255}));
  EXPECT_FALSE(llama3().is_special(TokenId{9906}));
}

TEST(Llama3Bpe, AgreesWithTheGgufOfTheSameModel) {
  const auto gguf = BpeFixture("llama_bpe").tokenizer();
  const BpeFixture texts("llama_bpe");
  for (const BpeFixture::Example& example : texts.examples()) {
    EXPECT_EQ(encode_plain(llama3(), example.text), encode_plain(*gguf, example.text)) << example.text;
  }
}

TEST(SmolLm2Bpe, EncodesTheVectorsOfTheFormatPage) {
  const std::pair<const char*, std::vector<int>> vectors[] = {
      {"1234", {33, 34, 35, 36}},
      {"a  1", {81, 256, 33}},
      {"x = 10\n  20", {104, 446, 216, 33, 32, 11181, 34, 32}},
      {"in 2024, 3.14159", {254, 216, 34, 32, 34, 36, 28, 216, 35, 30, 33, 36, 33, 37, 41}},
      {"don't DON'T", {12420, 982, 422, 2154, 23, 68}},
      {"tail  ", {14332, 256}},
      {"Hello world!  x\n\n  y", {19556, 905, 17, 216, 1792, 8866, 329}},
      {"\u00b2", {19133}},
      {"\u0661\u0662\u0663", {164, 111, 164, 112, 164, 113}},
      {"\x1b[0m", {212, 75, 32, 93}},
  };
  for (const auto& [text, ids] : vectors) EXPECT_EQ(encode_plain(smollm2(), text), ids) << text;
}

TEST(SmolLm2Bpe, EncodesAChatWithItsSpecialTokens) {
  const std::string chat =
      "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
      "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n";
  EXPECT_THAT(encode_plain(smollm2(), chat, {.parse_special = true}),
              ElementsAre(1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519, 28, 7018, 411, 407,
                          19712, 8182, 2, 198, 1, 4093, 198, 19556, 2, 198, 1, 520, 9531, 198));
}

TEST(SmolLm2Bpe, EncodesTheSameFromTokenizerJson) {
  const BpeFixture fixture("smollm2");
  const auto from_json = make_byte_level_bpe(fixture.tokenizer_json(kSmolLmSteps), DeclaredTokens{}, "fixture");
  for (const BpeFixture::Example& example : fixture.examples())
    EXPECT_EQ(encode_plain(*from_json, example.text), example.ids) << example.text;
}

TEST(SmolLm2Bpe, LosesBytesThatHaveNoToken) {
  // The vocabulary has no token for these; Hugging Face tokenizers drops them too.
  EXPECT_THAT(encode_plain(smollm2(), "\x04\x06"), ElementsAre());
  EXPECT_THAT(encode_plain(smollm2(),
                           "1\x04"
                           "2"),
              ElementsAre(33, 34));
}

// A small tokenizer of all bytes (ids 0 to 255) and the merges that a test names.
json byte_tokenizer(const std::vector<std::pair<std::string, std::string>>& merges) {
  json vocabulary = json::object();
  for (int byte = 0; byte < 256; ++byte) vocabulary[spell_bytes(std::string(1, static_cast<char>(byte)))] = byte;
  json listed = json::array();
  for (const auto& [left, right] : merges) {
    listed.push_back({left, right});
    vocabulary.emplace(left + right, static_cast<int>(vocabulary.size()));
  }
  return {{"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
          {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", listed}}}};
}

std::shared_ptr<const Tokenizer> load(const json& file) { return make_byte_level_bpe(file, DeclaredTokens{}, "test"); }

TEST(ByteLevelBpe, MergesTheLowestRankFirstAndTheLeftmostOfEquals) {
  // ids: 256 = bc, 257 = ab, 258 = aa
  const auto tokenizer = load(byte_tokenizer({{"b", "c"}, {"a", "b"}, {"a", "a"}}));
  EXPECT_THAT(encode_plain(*tokenizer, "abc"), ElementsAre('a', 256));
  EXPECT_THAT(encode_plain(*tokenizer, "abd"), ElementsAre(257, 'd'));
  EXPECT_THAT(encode_plain(*tokenizer, "aaa"), ElementsAre(258, 'a'));
}

TEST(ByteLevelBpe, PrefersWholeTokensToMergesOnlyWithIgnoreMerges) {
  json file = byte_tokenizer({{"a", "b"}, {"c", "d"}});
  file["model"]["vocab"]["abc"] = 300;  // no merge makes it
  EXPECT_THAT(encode_plain(*load(file), "abc"), ElementsAre(256, 'c'));
  file["model"]["ignore_merges"] = true;
  EXPECT_THAT(encode_plain(*load(file), "abc"), ElementsAre(300));
}

TEST(ByteLevelBpe, NeverMakesASpecialTokenOfPlainText) {
  json file = byte_tokenizer({});
  file["model"]["vocab"]["stop"] = 300;
  file["model"]["ignore_merges"] = true;
  file["added_tokens"] = {{{"id", 300}, {"content", "stop"}, {"special", true}, {"normalized", false}}};
  EXPECT_THAT(encode_plain(*load(file), "stop"), ElementsAre('s', 't', 'o', 'p'));
  EXPECT_THAT(encode_plain(*load(file), "stop", {.parse_special = true}), ElementsAre(300));
}

TEST(ByteLevelBpe, WritesTheUnknownTokenForBytesWithoutOne) {
  json file = byte_tokenizer({});
  file["model"]["vocab"].erase("x");
  file["model"]["vocab"]["<unk>"] = 400;
  file["model"]["unk_token"] = "<unk>";
  EXPECT_THAT(encode_plain(*load(file), "axxb"), ElementsAre('a', 400, 400, 'b'));
  file["model"]["fuse_unk"] = true;
  EXPECT_THAT(encode_plain(*load(file), "axxb"), ElementsAre('a', 400, 'b'));
}

TEST(ByteLevelBpe, FallsBackToByteTokensOfTheSpelling) {
  json file = byte_tokenizer({});
  file["model"]["vocab"].erase("\u0120");  // the blank, spelled C4 A0
  file["model"]["vocab"]["<0xC4>"] = 301;
  file["model"]["vocab"]["<0xA0>"] = 302;
  EXPECT_THAT(encode_plain(*load(file), " "), ElementsAre());
  file["model"]["byte_fallback"] = true;
  EXPECT_THAT(encode_plain(*load(file), " "), ElementsAre(301, 302));
}

TEST(ByteLevelBpe, KeepsBytesThatAreNoUtf8) {
  const auto tokenizer = load(byte_tokenizer({{"a", "b"}}));
  const std::string text = "ab\xFF\xC3(\xE4\xB8 ab\x80\xF5\xED\xA0\x80";
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(text), {}), text);
}

TEST(ByteLevelBpe, GivesValidTextBackWhateverItHolds) {
  const auto tokenizer = load(byte_tokenizer({{"a", "b"}, {"\u0120", "a"}, {"\u00c3", "\u00a9"}}));
  base::RandomStream random(1, "round trip");
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    const auto length = random.below(30);
    for (std::uint64_t i = 0; i < length; ++i)
      append_utf8(static_cast<char32_t>(random.below(2) ? random.below(0x80) : random.below(0x110000)), text);
    ASSERT_EQ(tokenizer->decode(tokenizer->encode(text), {}), text);
  }
}

#ifdef DROVER_HAS_UTF8PROC
TEST(ByteLevelBpe, ComposesTextWhenTheFileAsksForNfc) {
  json file = byte_tokenizer({});
  file["normalizer"] = {{"type", "NFC"}};
  EXPECT_THAT(encode_plain(*load(file), "e\u0301"), ElementsAre(0xC3, 0xA9));
}
#endif

TEST(ByteLevelBpe, PutsTheBlankInFrontThatRobertaWants) {
  json file = byte_tokenizer({});
  file["pre_tokenizer"]["add_prefix_space"] = true;
  file["added_tokens"] = {{{"id", 256}, {"content", "<s>"}, {"special", true}, {"normalized", false}},
                          {{"id", 257}, {"content", "</s>"}, {"special", true}, {"normalized", false}}};
  file["post_processor"] = {{"type", "RobertaProcessing"}, {"sep", {"</s>", 257}}, {"cls", {"<s>", 256}}};
  EXPECT_THAT(encode_plain(*load(file), "a b"), ElementsAre(' ', 'a', ' ', 'b'));
  EXPECT_THAT(encode_plain(*load(file), " a", {.add_special = true}), ElementsAre(256, ' ', 'a', 257));
}

TEST(ByteLevelBpe, ReadsMergesInBothSpellings) {
  json file = byte_tokenizer({{"a", "b"}});
  file["model"]["merges"] = {"a b"};
  EXPECT_THAT(encode_plain(*load(file), "ab"), ElementsAre(256));
}

TEST(ByteLevelBpe, LeavesSpecialTokensOutWhenDecodingIfAsked) {
  const std::vector<TokenId> ids = llama3().encode("<|eot_id|>Hello", {.parse_special = true});
  EXPECT_EQ(llama3().decode(ids, {}), "<|eot_id|>Hello");
  EXPECT_EQ(llama3().decode(ids, {.skip_special = true}), "Hello");
}

TEST(ByteLevelBpe, HasNoBytesForHolesAndForeignIds) {
  EXPECT_EQ(llama3().bytes_of(TokenId{9906}), "Hello");
  EXPECT_EQ(llama3().bytes_of(TokenId{100000}), "");
  EXPECT_EQ(llama3().bytes_of(TokenId{-1}), "");
  EXPECT_EQ(llama3().bytes_of(TokenId{2000000000}), "");
}

TEST(ByteLevelBpe, HashChangesWithEverythingThatDecidesIds) {
  const json file = byte_tokenizer({{"a", "b"}, {"c", "d"}});
  const std::string hash = load(file)->hash();
  EXPECT_EQ(hash.size(), 32u);
  EXPECT_EQ(load(file)->hash(), hash);
  json other = file;
  std::swap(other["model"]["merges"][0], other["model"]["merges"][1]);
  EXPECT_NE(load(other)->hash(), hash);
  other = file;
  other["model"]["ignore_merges"] = true;
  EXPECT_NE(load(other)->hash(), hash);
  other = file;
  other["pre_tokenizer"]["use_regex"] = false;
  EXPECT_NE(load(other)->hash(), hash);
  other = file;
  other["added_tokens"] = {{{"id", 300}, {"content", "<x>"}, {"special", true}}};
  EXPECT_NE(load(other)->hash(), hash);
}

// A quadratic merge would take about 10^12 steps on these and end in the time limit of the test program.
TEST(ByteLevelBpe, EncodesOneWordOfAMegabyteAndAMegabyteOfBlanks) {
  constexpr std::size_t kMegabyte = 1 << 20;
  std::string word;
  base::RandomStream random(3, "word");
  while (word.size() < kMegabyte) word += "etaoinshrdlu"[random.below(12)];
  for (const Tokenizer* tokenizer : {&smollm2(), &llama3()}) {
    for (const std::string& text : {word, std::string(kMegabyte, ' '), std::string(kMegabyte, 'a')}) {
      EXPECT_EQ(tokenizer->decode(tokenizer->encode(text), {}), text);
    }
  }
}

TEST(ByteLevelBpe, EncodesABatchAsOneByOneOnAnyNumberOfThreads) {
  const BpeFixture fixture("smollm2");
  const auto examples = fixture.examples();
  std::vector<std::string_view> texts;
  for (int round = 0; round < 20; ++round) {
    for (const auto& example : examples) texts.push_back(example.text);
  }
  for (const int threads : {1, 3}) {
    base::ThreadPool pool(threads);
    const auto encoded = encode_batch(smollm2(), texts, {}, pool);
    ASSERT_EQ(encoded.size(), texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(plain(encoded[i]), examples[i % examples.size()].ids);
  }
}

void expect_refused(const json& file, const std::string& reason) {
  try {
    load(file);
    FAIL() << "accepted, though: " << reason;
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr(reason));
  }
}

TEST(ByteLevelBpe, RefusesMalformedFilesWithTheReason) {
  const json good = byte_tokenizer({{"a", "b"}});
  json file = good;
  file["model"]["vocab"]["ab"] = -1;
  expect_refused(file, "id of token 'ab'");
  file["model"]["vocab"]["ab"] = 2000000000;
  expect_refused(file, "id of token 'ab'");
  file["model"]["vocab"]["ab"] = "256";
  expect_refused(file, "id of token 'ab'");
  file = good;
  file["model"]["vocab"].erase("ab");
  expect_refused(file, "needs the token 'ab'");
  file = good;
  file["model"]["merges"] = {"abc"};
  expect_refused(file, "merge 0");
  file["model"].erase("merges");
  expect_refused(file, "model.merges");
  file = good;
  file["model"]["vocab"] = json::array();
  expect_refused(file, "model.vocab");
  file = good;
  file["pre_tokenizer"] = {{"type", "Mystery"}};
  expect_refused(file, "Mystery");
  file["pre_tokenizer"] = {
      {"type", "Sequence"},
      {"pretokenizers",
       {{{"type", "Split"}, {"pattern", {{"Regex", "(unclosed"}}}, {"behavior", "Isolated"}, {"invert", false}},
        {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
  expect_refused(file, "(unclosed");
  file = good;
  file["normalizer"] = {{"type", "Lowercase"}};
  expect_refused(file, "Lowercase");
  file = good;
  file["added_tokens"] = {{{"id", 5}}};
  expect_refused(file, "added_tokens");
  file = good;
  file["model"]["end_of_word_suffix"] = "</w>";
  expect_refused(file, "</w>");
}

TEST(Llama3Bpe, RefusesMalformedRankFilesWithTheLine) {
  const std::pair<const char*, const char*> files[] = {{"", "empty"},
                                                       {"IQ== 0\nIg==\n", "line 2"},
                                                       {"IQ== 0\nI!== 1\n", "line 2"},
                                                       {"IQ== 0\nIg== 0\n", "rank 0 occurs twice"},
                                                       {"IQ== 0\nIQ== 1\n", "rank 1 occurs twice"},
                                                       {"IQ== 128000\n", "128000"},
                                                       {"IQ== -3\n", "line 1"}};
  for (const auto& [text, reason] : files) {
    try {
      make_llama3_bpe(text, "broken.model");
      ADD_FAILURE() << "accepted: " << text;
    } catch (const base::UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr(reason));
    }
  }
}

TEST(GgufBpe, RefusesMergesThatAreNoPairs) {
  BpeFixture fixture("smollm2");
  fixture.vocabulary().merges[3] = "lonely";
  EXPECT_THROW(make_byte_level_bpe(fixture.vocabulary()), base::UserError);
  fixture.vocabulary().merges.clear();
  EXPECT_THROW(make_byte_level_bpe(fixture.vocabulary()), base::UserError);
}

TEST(GgufBpe, RefusesAPreTokenizerItDoesNotKnow) {
  BpeFixture fixture("smollm2");
  fixture.vocabulary().pre = "tomorrow";
  EXPECT_THROW(make_byte_level_bpe(fixture.vocabulary()), base::UserError);
}

}  // namespace
}  // namespace drover::text
