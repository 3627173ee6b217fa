#include "text/wordpiece_tokenizer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "text/piece_bpe.h"
#include "text/tokenizer_factories.h"

namespace drover::text {
namespace {

// The pieces of the example in BERT's own tokenizer ("unaffable" becomes "un ##aff ##able"), and a few more.
constexpr const char* kPieces[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##aff", "##able",      "want",
                                   "##ed",  "wa",    "runn",  "##ing", ",",      "!",  "u",     "\xE4\xB8\xAD"};

std::string lines() {
  std::string text;
  for (const char* piece : kPieces) text += std::string(piece) + "\n";
  return text;
}

std::vector<std::string> spelled(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  std::vector<std::string> pieces;
  for (const TokenId id : ids) {
    EXPECT_GE(to_int(id), 0);
    EXPECT_LT(to_int(id), tokenizer.vocab_size());
    pieces.emplace_back(kPieces[to_int(id)]);
  }
  return pieces;
}

using Pieces = std::vector<std::string>;

TEST(WordPiece, SplitsTheExamplesOfBert) {
  const auto tokenizer = make_wordpiece_from_vocab_file(lines(), nullptr, "test");
  EXPECT_EQ(spelled(*tokenizer, tokenizer->encode("unaffable")), (Pieces{"un", "##aff", "##able"}));
  EXPECT_EQ(spelled(*tokenizer, tokenizer->encode("un want\xC3\xA9"
                                                  "d,running")),
            (Pieces{"un", "want", "##ed", ",", "runn", "##ing"}));
  EXPECT_EQ(spelled(*tokenizer, tokenizer->encode("unwantedX running")), (Pieces{"[UNK]", "runn", "##ing"}));
}

TEST(WordPiece, LowersCaseStripsAccentsAndSeparatesPunctuationAndIdeographs) {
  const auto tokenizer = make_wordpiece_from_vocab_file(lines(), nullptr, "test");
  EXPECT_EQ(spelled(*tokenizer, tokenizer->encode(" \xC3\x9AN,want\xCC\x81\x65\x64!")),
            (Pieces{"un", ",", "want", "##ed", "!"}));
  EXPECT_EQ(spelled(*tokenizer, tokenizer->encode("un\xE4\xB8\xADun")), (Pieces{"un", "\xE4\xB8\xAD", "un"}));
  EXPECT_EQ(spelled(*tokenizer, tokenizer->encode("u\x01\xE2\x80\x8Bn")), (Pieces{"un"}));
}

TEST(WordPiece, KeepsCaseWhenTheConfigurationSaysSo) {
  const auto tokenizer = make_wordpiece_from_vocab_file(lines(), nlohmann::json{{"do_lower_case", false}}, "test");
  EXPECT_EQ(spelled(*tokenizer, tokenizer->encode("UN un")), (Pieces{"[UNK]", "un"}));
}

TEST(WordPiece, GivesUpOnWordsOfMoreThanAHundredCharacters) {
  const auto tokenizer = make_wordpiece_from_vocab_file(lines() + "##u\n", nullptr, "test");
  EXPECT_EQ(tokenizer->encode(std::string(100, 'u')).size(), 100u) << "u and 99 times ##u";
  EXPECT_EQ(spelled(*tokenizer, tokenizer->encode(std::string(101, 'u'))), (Pieces{"[UNK]"}));
}

TEST(WordPiece, AddsAndParsesSpecialTokensOnlyWhenAsked) {
  const auto tokenizer = make_wordpiece_from_vocab_file(lines(), nullptr, "test");
  EXPECT_EQ(spelled(*tokenizer, tokenizer->encode("un", {.add_special = true})), (Pieces{"[CLS]", "un", "[SEP]"}));
  EXPECT_EQ(spelled(*tokenizer, tokenizer->encode("un[MASK]", {.parse_special = true})), (Pieces{"un", "[MASK]"}));
  for (const TokenId id : tokenizer->encode("un[MASK]")) EXPECT_NE(id, tokenizer->special("[MASK]").value());
}

TEST(WordPiece, DecodesWithBlanksBetweenWordsOnly) {
  const auto tokenizer = make_wordpiece_from_vocab_file(lines(), nullptr, "test");
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("unaffable,running!")), "unaffable, running!");
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("un", {.add_special = true}), {.skip_special = true}), "un");
}

TEST(WordPiece, RefusesVocabulariesItCannotUse) {
  EXPECT_THROW(make_wordpiece_from_vocab_file("", nullptr, "test"), base::UserError);
  EXPECT_THROW(make_wordpiece_from_vocab_file("a\nb\n", nullptr, "test"), base::UserError) << "no [UNK]";
  EXPECT_THROW(make_wordpiece_from_vocab_file(lines() + std::string(600, 'x') + "\n", nullptr, "test"),
               base::UserError);
  EXPECT_THROW(make_wordpiece_from_vocab_file(lines(), nlohmann::json{{"do_lower_case", 3}}, "test"), base::UserError);
}

nlohmann::json bert_json() {
  return {{"model", {{"type", "WordPiece"}, {"unk_token", "[UNK]"}, {"vocab", {{"[UNK]", 0}, {"a", 1}, {"##b", 2}}}}},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}}};
}

TEST(WordPiece, RefusesTokenizerFilesItDoesNotUnderstand) {
  EXPECT_EQ(make_wordpiece(bert_json(), {}, "test")->encode("ab c").size(), 3u);
  const auto refuses = [](const char* pointer, const nlohmann::json& value) {
    nlohmann::json file = bert_json();
    file[nlohmann::json::json_pointer(pointer)] = value;
    EXPECT_THROW(make_wordpiece(file, {}, "test"), base::UserError) << pointer << " = " << value;
  };
  refuses("/model/unk_token", "[unknown]");
  refuses("/model/max_input_chars_per_word", -1);
  refuses("/model/max_input_chars_per_word", 1'000'000'000);
  refuses("/model/vocab/a", 2'000'000'000);
  refuses("/model/vocab/a", -1);
  refuses("/model/vocab/a", "one");
  refuses("/model/vocab", nlohmann::json::array());
  refuses("/pre_tokenizer/type", "Whitespace");
  refuses("/normalizer", {{"type", "Unheard"}});
  refuses("/normalizer", {{"type", "Replace"}, {"pattern", {{"Regex", "a"}}}, {"content", "b"}});
  refuses("/decoder", {{"type", "ByteLevel"}});
  refuses("/added_tokens", {{{"id", -5}, {"content", "<x>"}}});
}

TEST(WordPiece, ReadsGgufSpellingsWithTheMarkAtTheFront) {
  const std::string un = std::string(kMetaspace) + "un";
  GgufVocabulary source;
  source.where = "test";
  source.model = "bert";
  source.tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", un, "aff"};
  source.types.assign(source.tokens.size(), GgufTokenType::kNormal);
  const auto tokenizer = make_wordpiece(source);
  EXPECT_EQ(tokenizer->encode("unaff un"), (std::vector{TokenId{5}, TokenId{6}, TokenId{5}}));
}

}  // namespace
}  // namespace drover::text
