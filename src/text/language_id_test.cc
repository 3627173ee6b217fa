#include "text/language_id.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"

namespace drover::text {
namespace {

TEST(LanguageId, KnowsTheLanguagesOfThePaper) {
  const auto identifier = LanguageIdentifier::installed();
  const std::pair<const char*, const char*> sentences[] = {
      {"en", "All human beings are born free and equal in dignity and rights."},
      {"de", "Alle Menschen sind frei und gleich an Würde und Rechten geboren."},
      {"fr", "Tous les êtres humains naissent libres et égaux en dignité et en droits."},
      {"it", "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti."},
      {"pt", "Todos os seres humanos nascem livres e iguais em dignidade e em direitos."},
      {"hi", "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।"},
      {"es", "Todos los seres humanos nacen libres e iguales en dignidad y derechos."},
      {"th", "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ"}};
  for (const auto& [code, sentence] : sentences) {
    const auto found = identifier->detect(sentence);
    ASSERT_TRUE(found) << code;
    EXPECT_EQ(found->code, code);
    EXPECT_GT(found->probability, 0.5) << code;
    EXPECT_LE(found->probability, 1.0) << code;
  }
}

TEST(LanguageId, SaysNothingWithoutLetters) {
  const auto identifier = LanguageIdentifier::installed();
  for (const char* text : {"", "  \n", "12 + 13 = 25", "***", "\xff\xfe"}) EXPECT_FALSE(identifier->detect(text)) << text;
}

TEST(LanguageId, ReadsOverLinesAndBrokenBytes) {
  const auto identifier = LanguageIdentifier::installed();
  const auto found = identifier->detect("Das ist\nein Text\xff über\nmehrere Zeilen, den man lesen kann.");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->code, "de");
}

TEST(LanguageId, RefusesWhatIsNoModel) {
  const auto file = std::filesystem::path(::testing::TempDir()) / "no_model.ftz";
  std::ofstream(file) << "this is text and no model";
  EXPECT_THROW(LanguageIdentifier::load(file), base::UserError);
  EXPECT_THROW(LanguageIdentifier::load(file / "absent"), base::UserError);
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace drover::text
