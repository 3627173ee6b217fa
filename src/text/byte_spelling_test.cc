#include "text/byte_spelling.h"

#include <gtest/gtest.h>

#include "text/base64.h"

namespace drover::text {
namespace {

// Expected values: GPT-2's encoder.json and RFC 4648.
TEST(ByteSpelling, SpellsAsGpt2Does) {
  EXPECT_EQ(spell_bytes(" the\n"), "\u0120the\u010a");
  EXPECT_EQ(spell_bytes(std::string("\0\x7F\xA0\xAD\xFF", 5)), "\u0100\u0121\u0142\u0143\u00ff");
}

TEST(ByteSpelling, GivesEveryByteBack) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(unspell_bytes(spell_bytes(all)), all);
}

TEST(ByteSpelling, RefusesCharactersThatSpellNoByte) {
  for (const char* text : {" ", "\u0144", "\u4e2d", "\n", "\xFF"}) EXPECT_EQ(unspell_bytes(text), std::nullopt);
}

TEST(Base64, DecodesTheVectorsOfTheStandard) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},        {"Zg==", "f"},        {"Zm8=", "fo"},
                                                         {"Zm9v", "foo"}, {"Zm9vYg==", "foob"}, {"Zm9vYmFy", "foobar"}};
  for (const auto& [text, bytes] : vectors) EXPECT_EQ(decode_base64(text), bytes);
}

TEST(Base64, RefusesOtherText) {
  for (const char* text : {"Zg", "Zg=", "Zg=a", "Z===", "Zm9v!mFy", "=AAA"})
    EXPECT_EQ(decode_base64(text), std::nullopt) << text;
}

}  // namespace
}  // namespace drover::text
