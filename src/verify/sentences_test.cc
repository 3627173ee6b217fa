#include "verify/sentences.h"

#include <gmock/gmock.h>

#include "verify/python_string.h"
#include "verify/treebank_words.h"

namespace drover::verify {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> cut(std::string_view text) {
  const auto decoded = decode(text);
  std::vector<std::string> sentences;
  for (const auto sentence : sentences_of(decoded)) sentences.push_back(encode(sentence));
  return sentences;
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> list;
  for (const auto& word : treebank_words(decode(text))) list.push_back(encode(word));
  return list;
}

// Expected values: nltk.sent_tokenize with the English model.
TEST(Sentences, AreThoseOfPunkt) {
  EXPECT_THAT(cut("Hello there. How are you? Fine!"), ElementsAre("Hello there.", "How are you?", "Fine!"));
  EXPECT_THAT(cut("Dr. Smith met Mrs. Jones at 5 p.m. on Monday. They talked."),
              ElementsAre("Dr. Smith met Mrs. Jones at 5 p.m. on Monday.", "They talked."));
  EXPECT_THAT(cut("It costs 3.50 dollars. See www.example.com for more."), ElementsAre("It costs 3.50 dollars.", "See www.example.com for more."));
  EXPECT_THAT(cut("\"Stop!\" he said. (Really.) Then he went."), ElementsAre("\"Stop!\"", "he said.", "(Really.)", "Then he went."));
  EXPECT_THAT(cut("1. First item\n2. Second item"), ElementsAre("1.", "First item\n2.", "Second item"));
  EXPECT_THAT(cut("J. R. Smith wrote it. Good."), ElementsAre("J. R. Smith wrote it.", "Good."));
  EXPECT_THAT(cut("Wait... what is that? Well... The end."), ElementsAre("Wait... what is that?", "Well...", "The end."));
  EXPECT_THAT(cut("No mark at all"), ElementsAre("No mark at all"));
  EXPECT_THAT(cut(""), ElementsAre());
  EXPECT_THAT(cut("What?! No way."), ElementsAre("What?!", "No way."));
}

TEST(Sentences, TakeLinearTimeOnMarksAlone) {
  EXPECT_EQ(cut(std::string(20000, '.')).size(), 1U);
  EXPECT_EQ(cut(std::string(20000, '!')).size(), 3U);
  EXPECT_EQ(cut(std::string(20000, ')')).size(), 1U);
}

// Expected values: nltk.word_tokenize.
TEST(TreebankWords, StandAsNltkCutsThem) {
  EXPECT_THAT(words("I don't know, said the UK-based man."),
              ElementsAre("I", "do", "n't", "know", ",", "said", "the", "UK-based", "man", "."));
  EXPECT_THAT(words("IT'S $5.00 (OK)!"), ElementsAre("IT", "'S", "$", "5.00", "(", "OK", ")", "!"));
  EXPECT_THAT(words("We cannot go--yet..."), ElementsAre("We", "can", "not", "go", "--", "yet", "..."));
}

TEST(CountWords, CountsRunsOfLettersDigitsAndUnderscores) {
  EXPECT_EQ(count_words(U"It's well-known: 3.5 per_cent"), 7U);
  EXPECT_EQ(count_words(U"... --- !"), 0U);
}

TEST(PythonString, KnowsCaseAndSpaceBeyondAscii) {
  EXPECT_TRUE(is_upper(U"ÄÖÜ 12"));
  EXPECT_FALSE(is_upper(U"12"));
  EXPECT_FALSE(is_lower(U"äB"));
  EXPECT_EQ(lower(U"ÄÖ"), U"äö");
  EXPECT_EQ(strip(std::u32string_view(U"\u00a0\u3000x\u2003")), U"x");
  EXPECT_EQ(encode(decode("a\xff" "b")), "a\xEF\xBF\xBD" "b");
}

}  // namespace
}  // namespace drover::verify
