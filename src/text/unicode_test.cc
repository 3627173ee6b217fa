#include "text/unicode.h"

#include <gtest/gtest.h>

#ifdef DROVER_HAS_UTF8PROC
#include <utf8proc.h>
#endif

namespace drover::text {
namespace {

#ifdef DROVER_HAS_UTF8PROC
TEST(Unicode, CategoriesEqualThoseOfUtf8procWhereItKnowsTheCharacter) {
  int known = 0;
  for (utf8proc_int32_t code_point = 0; code_point < 0x110000; ++code_point) {
    const std::string theirs = utf8proc_category_string(code_point);
    if (theirs == "Cn") continue;
    ++known;
    static const char* const names[] = {"Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd",
                                        "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm",
                                        "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Co", "Cs"};
    // A few characters changed their category between versions of Unicode, none its group.
    const std::string ours = names[static_cast<int>(general_category(static_cast<char32_t>(code_point)))];
    EXPECT_EQ(ours[0], theirs[0]) << "U+" << std::hex << code_point << " " << ours << " " << theirs;
  }
  EXPECT_GT(known, 280000);
}
#endif

TEST(Unicode, WhiteSpaceIsTheListOfTheStandard) {
  int count = 0;
  for (char32_t code_point = 0; code_point < 0x110000; ++code_point)
    count += (char_class_of(code_point) & char_class::kSpace) != 0;
  EXPECT_EQ(count, 25);
  for (const char32_t space :
       {0x09, 0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}) {
    EXPECT_TRUE(char_class_of(space) & char_class::kSpace);
  }
  EXPECT_FALSE(char_class_of(0x200B) & char_class::kSpace);  // zero-width space is none
}

TEST(Unicode, EveryCodePointHasAClass) {
  for (char32_t code_point = 0; code_point <= kInvalidByte; ++code_point)
    ASSERT_NE(char_class_of(code_point), 0) << static_cast<unsigned>(code_point);
}

TEST(Unicode, DecodesWhatItEncodes) {
  for (char32_t code_point = 0; code_point < 0x110000; ++code_point) {
    if (code_point >= 0xD800 && code_point < 0xE000) continue;
    std::string text;
    append_utf8(code_point, text);
    const DecodedCharacter first = decode_character(text.data(), text.data() + text.size());
    const DecodedCharacter last = decode_last_character(text.data(), text.data() + text.size());
    ASSERT_EQ(first.code_point, code_point);
    ASSERT_EQ(first.length, text.size());
    ASSERT_EQ(last.code_point, code_point);
  }
}

TEST(Unicode, RefusesOverlongSurrogateAndCutForms) {
  for (const char* text : {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                           "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xC3", "\xE4\xB8", "\xF0\x9F\x9A", "\xFF"}) {
    EXPECT_FALSE(is_valid_utf8(text));
    const std::string_view view(text);
    const DecodedCharacter character = decode_character(view.data(), view.data() + view.size());
    EXPECT_EQ(character.code_point, kInvalidByte);
    EXPECT_EQ(character.length, 1u);
  }
}

TEST(Unicode, KnowsHowMuchOfACharacterIsUnfinished) {
  EXPECT_EQ(unfinished_tail(""), 0u);
  EXPECT_EQ(unfinished_tail("a"), 0u);
  EXPECT_EQ(unfinished_tail("a\xC3"), 1u);
  EXPECT_EQ(unfinished_tail("\xC3\xA9"), 0u);
  EXPECT_EQ(unfinished_tail("\xE4\xB8"), 2u);
  EXPECT_EQ(unfinished_tail("\xF0\x9F\x9A"), 3u);
  EXPECT_EQ(unfinished_tail("\xF0\x9F\x9A\x80"), 0u);
  EXPECT_EQ(unfinished_tail("\x80\x80"), 0u);  // nothing to wait for
  EXPECT_EQ(unfinished_tail("\xE0\x80"), 0u);  // overlong already
  EXPECT_EQ(unfinished_tail("\xED\xA0"), 0u);  // a surrogate already
  EXPECT_EQ(unfinished_tail("\xFF"), 0u);
}

TEST(Unicode, ReplacesEachInvalidByte) {
  EXPECT_EQ(replace_invalid_utf8("a\xFF\xC3\xA9\xE4\xB8"), "a\uFFFD\u00e9\uFFFD\uFFFD");
}

TEST(Unicode, WordCharactersAreLettersMarksDigitsConnectorsAndJoiners) {
  for (const char32_t word : {U'a', U'_', U'9', U'\u0301', U'\u2160', U'\u200d', U'\u4e2d', U'\u203f'})
    EXPECT_TRUE(is_word_character(word));
  for (const char32_t other : {U' ', U'-', U'\u00b2', U'$', U'\u2028', kInvalidByte})
    EXPECT_FALSE(is_word_character(other));
}

}  // namespace
}  // namespace drover::text
