#include "curate/openings.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"

namespace drover::curate {
namespace {

std::vector<std::string_view> replies_of(std::initializer_list<std::pair<int, std::string_view>> counts) {
  std::vector<std::string_view> replies;
  for (const auto& [count, text] : counts) replies.insert(replies.end(), static_cast<std::size_t>(count), text);
  return replies;
}

TEST(Openings, APhraseIsTheFirstWordsWithoutCaseAndPunctuation) {
  EXPECT_EQ(opening_phrase("I\u2019m SORRY, but no.", 3), "i'm sorry but");
  EXPECT_EQ(opening_phrase("  **Sure!** Here", 3), "sure here");
  EXPECT_EQ(opening_phrase("'quoted' words", 2), "quoted words");
  EXPECT_EQ(opening_phrase("...", 3), "");
}

TEST(Openings, RegretIsSoughtInTheFirstSentenceOnly) {
  EXPECT_TRUE(apologises("I apologize for the confusion. Four."));
  EXPECT_TRUE(apologises("Oh, I am so sorry! Four."));
  EXPECT_TRUE(apologises("Unfortunately, no."));
  EXPECT_FALSE(apologises("Four. I am sorry that it took so long."));
  EXPECT_FALSE(apologises("A sorrow shared is halved."));
  EXPECT_FALSE(apologises(""));
}

TEST(Openings, ApologiesAreBalancedToTheirShareAndNotRemoved) {
  // 30 of 100 apologise. At a share of 0.1, d = ceil((30 - 10) / 0.9) = 23 go: 7 of 77 are left, 9.1%; one more would
  // be 8 of 78, 10.3%.
  auto replies = replies_of({{20, "I'm sorry, but I cannot."}, {10, "I apologize for that."}});
  const std::vector<std::string> others = [] {
    std::vector<std::string> texts;
    for (int i = 0; i < 70; ++i) texts.push_back("Answer " + std::to_string(i));
    return texts;
  }();
  replies.insert(replies.end(), others.begin(), others.end());
  const auto balance = balance_openings(replies, {.apology_share = 0.1});
  EXPECT_EQ(balance.apologies_found, 30);
  EXPECT_EQ(balance.apologies_kept, 7);
  EXPECT_EQ(kept_rows(balance.decisions).size(), 77U);
  for (std::size_t i = 30; i < 100; ++i) EXPECT_TRUE(balance.decisions[i].kept) << "other replies are not touched";
  ASSERT_GE(balance.phrases.size(), 2U);
  EXPECT_EQ(balance.phrases[0].phrase, "i'm sorry but") << "found, not listed beforehand";
  EXPECT_EQ(balance.phrases[0].found, 20);
  EXPECT_EQ(balance.phrases[1].phrase, "i apologize for");
  EXPECT_EQ(balance.phrases[0].kept + balance.phrases[1].kept, 7);
}

TEST(Openings, WhichOnesGoDependsOnTheSeedOnly) {
  auto replies = replies_of({{30, "Sorry, no."}, {70, "Yes."}});
  const auto kept = [&](std::uint64_t seed) {
    return kept_rows(balance_openings(replies, {.apology_share = 0.1, .seed = seed}).decisions);
  };
  EXPECT_EQ(kept(1), kept(1));
  EXPECT_NE(kept(1), kept(2));
}

TEST(Openings, EveryPhraseIsBalancedWhenAsked) {
  const auto replies =
      replies_of({{50, "Sure thing, here it is"}, {30, "The answer is four"}, {4, "Sorry about that"}, {16, "Well"}});
  const auto balance = balance_openings(replies, {.apology_share = 0.5, .phrase_share = 0.4});
  const auto kept = kept_rows(balance.decisions);
  const auto share = [&](std::size_t begin, std::size_t end) {
    const auto count = std::count_if(kept.begin(), kept.end(), [&](std::size_t i) { return i >= begin && i < end; });
    return static_cast<double>(count) / static_cast<double>(kept.size());
  };
  EXPECT_LE(share(0, 50), 0.4);
  EXPECT_LE(share(50, 80), 0.4);
  EXPECT_GT(share(0, 50), 0.35) << "no more goes than must";
}

TEST(Openings, OneOfAGroupAlwaysStays) {
  const auto balance = balance_openings(replies_of({{3, "Sorry."}}), {.apology_share = 0.0});
  EXPECT_EQ(balance.apologies_kept, 1);
}

TEST(Openings, AShareBeyondOneIsRefused) {
  EXPECT_THROW(balance_openings({}, {.apology_share = 1.5}), base::UserError);
}

}  // namespace
}  // namespace drover::curate
