#include "curate/repetition.h"

#include <gtest/gtest.h>

#include <string>

namespace drover::curate {
namespace {

std::string times(int count, const std::string& text) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

TEST(Repetition, TheSameSentenceAgainAndAgainIsALoop) {
  const auto loop = find_loop("Well then. " + times(10, "I think that it is so. "));
  ASSERT_TRUE(loop);
  EXPECT_EQ(loop->words_of_one, 6);
  EXPECT_EQ(loop->repeats, 10);
}

TEST(Repetition, OneWordIsALoopToo) {
  const auto loop = find_loop(times(40, "ha "));
  ASSERT_TRUE(loop);
  EXPECT_EQ(loop->words_of_one, 1);
  EXPECT_EQ(loop->repeats, 40);
}

TEST(Repetition, TooFewRepeatsOrWordsAreNone) {
  EXPECT_FALSE(find_loop(times(3, "this is a longer sentence of more than ten words which stands there three times ")))
      << "three repeats";
  EXPECT_FALSE(find_loop(times(10, "ha "))) << "ten words";
  EXPECT_FALSE(find_loop("")) << "nothing";
}

TEST(Repetition, AParagraphWithTheSamePhraseInsideIsFoundAsAWhole) {
  const std::string paragraph = "the cat sat on the mat and the cat sat on the sofa and then it slept for long ";
  const auto loop = find_loop("Once, " + times(5, paragraph));
  ASSERT_TRUE(loop);
  EXPECT_EQ(loop->words_of_one, 19);
  EXPECT_EQ(loop->repeats, 5);
}

TEST(Repetition, AListWithRisingNumbersIsNone) {
  std::string list;
  for (int i = 0; i < 100; ++i) list += "Step " + std::to_string(i) + " of the plan is done.\n";
  EXPECT_FALSE(find_loop(list));
}

TEST(Repetition, ScriptsWithoutBlanksHaveAWordACharacter) {
  const auto loop = find_loop(times(12, "\u6211\u4E0D\u77E5\u9053"));
  ASSERT_TRUE(loop);
  EXPECT_EQ(loop->words_of_one, 4);
}

TEST(Repetition, ALoopBesideALongerPairOfParagraphsIsFound) {
  std::string paragraph;
  for (int i = 0; i < 200; ++i) paragraph += "w" + std::to_string(i) + " ";
  EXPECT_FALSE(find_loop(paragraph + paragraph)) << "two repeats are no loop, however long";
  EXPECT_TRUE(find_loop(paragraph + paragraph + times(20, "and so on ")));
}

TEST(Repetition, ManyEqualBytesAreALoop) {
  for (const std::size_t before : {0U, 1U, 63U, 100U}) {
    const auto loop = find_loop(std::string(before, 'x') + std::string(256, '.') + "y");
    ASSERT_TRUE(loop) << before;
    EXPECT_EQ(loop->words_of_one, 0);
    EXPECT_EQ(loop->repeats, 256);
    EXPECT_FALSE(find_loop(std::string(before, 'x') + std::string(255, '.') + "y")) << before;
  }
}

}  // namespace
}  // namespace drover::curate
