#include "text/normal_form.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

#include "text/unicode.h"

// A build of the LibTorch rooms alone may lack utf8proc.
#ifdef DROVER_HAS_UTF8PROC

#include <utf8proc.h>

namespace drover::text {
namespace {

// Examples of Unicode Standard Annex 15.
TEST(NormalForm, ComposesAndDecomposesAsTheStandardShows) {
  EXPECT_EQ(normalise("\u1E0B\u0323", NormalForm::kNfc), "\u1E0D\u0307");
  EXPECT_EQ(normalise("\u1E0B\u0323", NormalForm::kNfd), "d\u0323\u0307");
  EXPECT_EQ(normalise("\u212B", NormalForm::kNfc), "\u00C5");
  EXPECT_EQ(normalise("\uFB01", NormalForm::kNfkc), "fi");
  EXPECT_EQ(normalise("2\u2075", NormalForm::kNfkd), "25");
}

TEST(NormalForm, LeavesNormalAndInvalidTextAlone) {
  EXPECT_EQ(normalise("plain", NormalForm::kNfc), std::nullopt);
  EXPECT_EQ(normalise("\u00e9", NormalForm::kNfc), std::nullopt);
  EXPECT_EQ(normalise("e\u0301\xFF", NormalForm::kNfc), std::nullopt);
}

// Every character alone: the short cut for text that is composed already must not hide one that utf8proc changes.
TEST(NormalForm, ComposesEachCharacterAsUtf8procDoes) {
  int changed = 0;
  for (char32_t code_point = 0x80; code_point < 0x30000; ++code_point) {
    if (code_point >= 0xD800 && code_point < 0xE000) continue;
    std::string text;
    append_utf8(code_point, text);
    const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> expected(
        utf8proc_NFC(reinterpret_cast<const utf8proc_uint8_t*>(text.c_str())), &std::free);
    const std::string normal = normalise(text, NormalForm::kNfc).value_or(text);
    ASSERT_EQ(normal, reinterpret_cast<const char*>(expected.get()))
        << "U+" << std::hex << static_cast<unsigned>(code_point);
    changed += normal != text;
  }
  EXPECT_GT(changed, 1000);  // the compatibility ideographs
}

// Hugging Face tokenizers 0.23: NFC().normalize_str("a\u0345\u08D3") keeps the order, though U+08D3 has the class 220
// since Unicode 12.
TEST(NormalForm, TreatsYoungMarksAsHuggingFaceTokenizersDoes) {
  EXPECT_EQ(normalise("a\u0345\u08D3", NormalForm::kNfc), std::nullopt);
  EXPECT_EQ(normalise("a\u0345\u0323", NormalForm::kNfc), "\u1EA1\u0345");
}

// Sorting a run of marks by swapping neighbours would take 10^11 steps here and end in the time limit of the test
// program.
TEST(NormalForm, SortsALongRunOfMarksQuickly) {
  std::string text = "a", sorted = "a";
  for (int i = 0; i < 300000; ++i) text += "\u0301\u0323";
  const auto normal = normalise(text, NormalForm::kNfd);
  for (int i = 0; i < 300000; ++i) sorted += "\u0323";
  for (int i = 0; i < 300000; ++i) sorted += "\u0301";
  EXPECT_EQ(normal, sorted);
}

}  // namespace
}  // namespace drover::text

#endif
