#include "verify/language_match.h"

#include <gmock/gmock.h>

namespace drover::verify {
namespace {

using ::testing::HasSubstr;

/// Takes words for languages.
class WordLanguages final : public text::LanguageIdentifier {
 public:
  std::optional<text::DetectedLanguage> detect(std::string_view text) const override {
    if (text.find("unsure") != std::string_view::npos) return text::DetectedLanguage{"xx", 0.4};
    return text::DetectedLanguage{text.find(" der ") != std::string_view::npos ? "de" : "en", 0.9};
  }
};

TEST(LanguageMatch, TheMainScriptIsThatOfMostLetters) {
  EXPECT_EQ(main_script("Ein Satz, in dem одно слово steht."), "Latin");
  EXPECT_EQ(main_script("नमस्ते दुनिया, hi"), "Devanagari");
  EXPECT_EQ(main_script("สวัสดีชาวโลก"), "Thai");
  EXPECT_EQ(main_script("1 + 2 = 3"), "");
}

TEST(LanguageMatch, ARomanisedPromptMustNotGetAnotherScript) {
  EXPECT_THAT(language_mismatch("mujhe bharat ke baare mein batao", "भारत एक विशाल देश है।", nullptr).value_or(""),
              HasSubstr("Devanagari"));
  EXPECT_FALSE(language_mismatch("भारत के बारे में बताओ", "भारत एक विशाल देश है।", nullptr));
}

TEST(LanguageMatch, KanaAndHanAreOneScriptToAReader) {
  EXPECT_FALSE(language_mismatch("東京都について教えてください", "東京都日本首都人口千四百万人", nullptr));
}

TEST(LanguageMatch, TwoSureLanguagesMustBeOne) {
  const WordLanguages languages;
  const auto* english = "a sentence with quite enough letters to tell";
  const auto* german = "ein Satz mit der richtigen Menge an Buchstaben";
  EXPECT_THAT(language_mismatch(english, german, &languages).value_or(""), HasSubstr("\"de\""));
  EXPECT_FALSE(language_mismatch(english, english, &languages));
  EXPECT_FALSE(language_mismatch(english, "unsure about these many letters here", &languages));
  EXPECT_FALSE(language_mismatch("17 + 4", german, &languages)) << "too little is known about the prompt";
}

}  // namespace
}  // namespace drover::verify
