#include "text/sentencepiece_model.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "base/error.h"
#include "text/normalization_map.h"
#include "text/protobuf_reader.h"
#include "text/tokenizer_factories.h"

namespace drover::text {
namespace {

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(value | 0x80));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}
std::string integer(int field, std::uint64_t value) {
  return varint(static_cast<std::uint64_t>(field) << 3) + varint(value);
}
std::string bytes(int field, const std::string& content) {
  return varint(static_cast<std::uint64_t>(field) << 3 | 2) + varint(content.size()) + content;
}
std::string number(int field, float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  std::string out = varint(static_cast<std::uint64_t>(field) << 3 | 5);
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(bits >> shift));
  return out;
}
std::string piece(const std::string& text, float score, int kind = 1) {
  return bytes(1, bytes(1, text) + number(2, score) + integer(3, static_cast<std::uint64_t>(kind)));
}
std::string bpe_trainer(const std::string& more = "") { return bytes(2, integer(3, 2) + more); }

TEST(SentencePieceModel, ReadsPiecesAndOptionsAndSkipsFieldsItDoesNotKnow) {
  const std::string file =
      piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("ab", -1.5F) + bytes(99, "later") + integer(98, 7) +
      bpe_trainer(integer(35, 1) + integer(40, 0) + integer(41, 1) + integer(42, ~std::uint64_t{0})) +
      bytes(3, integer(3, 0) + integer(4, 0));
  const SentencePieceModel model = read_sentencepiece_model(file, "test");
  ASSERT_EQ(model.pieces.size(), 3u);
  EXPECT_EQ(model.pieces[2].text, "ab");
  EXPECT_EQ(model.pieces[2].score, -1.5F);
  EXPECT_EQ(model.pieces[1].kind, PieceKind::kControl);
  EXPECT_TRUE(model.byte_fallback);
  EXPECT_FALSE(model.add_dummy_prefix);
  EXPECT_FALSE(model.remove_extra_whitespaces);
  EXPECT_TRUE(model.escape_whitespaces);
  EXPECT_EQ(model.bos_id, 1);
  EXPECT_EQ(model.eos_id, -1);
}

TEST(SentencePieceModel, RefusesEveryShorterPartOfAFileOrReadsWholePieces) {
  const std::string file = bpe_trainer() + piece("<unk>", 0, 2) + piece("ab", -1);
  for (std::size_t size = 0; size < file.size(); ++size) {
    try {
      EXPECT_LT(read_sentencepiece_model(file.substr(0, size), "test").pieces.size(), 2u);
    } catch (const base::UserError&) {
    }
  }
}

TEST(SentencePieceModel, SaysWhatIsWrong) {
  const auto message = [](const std::string& file) {
    try {
      read_sentencepiece_model(file, "the file");
    } catch (const base::UserError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_NE(message("").find("holds no pieces"), std::string::npos);
  EXPECT_NE(message(piece("a", 0)).find("of type 1; only BPE"), std::string::npos);
  EXPECT_NE(message(bpe_trainer() + piece("a", 0, 9)).find("unknown type 9"), std::string::npos);
  EXPECT_NE(message(bpe_trainer() + piece("a", std::nanf(""))).find("not a number"), std::string::npos);
  EXPECT_NE(message(varint(10) + varint(1'000'000'000'000)).find("1000000000000 bytes"), std::string::npos);
  EXPECT_NE(message(std::string(12, '\xFF')).find("ten bytes"), std::string::npos);
  EXPECT_NE(message(bytes(1, integer(1, 5)) + bpe_trainer()).find("number where bytes"), std::string::npos);
}

TEST(SentencePieceModel, RefusesIdsOutsideTheVocabulary) {
  const std::string file = piece("<unk>", 0, 2) + piece("a", -1) + bpe_trainer(integer(41, 77));
  EXPECT_THROW(make_sentencepiece_bpe_from_model(file, {}, "test"), base::UserError);
}

TEST(NormalizationMap, RefusesTablesThatDoNotFit) {
  EXPECT_THROW(NormalizationMap("ab", "test"), base::UserError);
  EXPECT_THROW(NormalizationMap(std::string("\xFF\xFF\xFF\x7F", 4) + "x", "test"), base::UserError);
  EXPECT_THROW(NormalizationMap(std::string("\x03\x00\x00\x00", 4) + "abcd", "test"), base::UserError);
}

TEST(NormalizationMap, FindsNothingInAnEmptyMap) { EXPECT_EQ(NormalizationMap().longest("abc").length, 0u); }

TEST(ProtobufReader, ReadsTheExampleOfTheFormatsDescription) {
  // protobuf.dev, "Encoding": message Test1 { int32 a = 1; } with a = 150 is 08 96 01.
  const std::string where = "test";
  ProtobufReader reader("\x08\x96\x01", where);
  const auto field = reader.next();
  ASSERT_TRUE(field);
  EXPECT_EQ(field->number, 1u);
  EXPECT_EQ(field->as_integer(where), 150);
  EXPECT_FALSE(reader.next());
}

}  // namespace
}  // namespace drover::text
