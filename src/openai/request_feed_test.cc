#include "openai/request_feed.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace drover::openai {
namespace {

using std::chrono::milliseconds;

engine::SampledToken token(int id) { return {text::TokenId{id}, -1.0F, -2.0F}; }

TEST(RequestFeed, AClientThatReadsLateGetsEverything) {
  constexpr int kTokens = 300'000;
  RequestFeed feed(2);
  const std::vector<engine::RankedToken> top = {{text::TokenId{7}, -0.5F}, {text::TokenId{9}, -1.5F}};
  for (int i = 0; i < kTokens; ++i) ASSERT_TRUE(feed.push_token(i % 2, token(i), top));
  feed.push_end(1, engine::SampleEnd::kLength);
  const auto news = feed.take(milliseconds(0));
  EXPECT_EQ(feed.failure(), "");
  ASSERT_EQ(news.size(), 2U);
  for (std::size_t choice = 0; choice < 2; ++choice) {
    EXPECT_EQ(news[choice].choice, static_cast<std::int64_t>(choice));
    EXPECT_EQ(news[choice].end.has_value(), choice == 1);
    const auto& run = news[choice].run;
    ASSERT_EQ(run.tokens.size(), kTokens / 2U);
    for (std::size_t i = 0; i < run.tokens.size(); ++i) {
      ASSERT_EQ(run.tokens[i].id, text::TokenId{static_cast<std::int32_t>(2 * i + choice)});
      ASSERT_EQ(run.top_of(i).size(), 2U);
      ASSERT_EQ(run.top_of(i)[1].id, text::TokenId{9});
    }
  }
  EXPECT_TRUE(feed.take(milliseconds(0)).empty());
  feed.push_token(1, token(5));
  const auto later = feed.take(milliseconds(0));
  ASSERT_EQ(later.size(), 1U);
  EXPECT_EQ(later[0].choice, 1);
  EXPECT_EQ(later[0].run.tokens.size(), 1U);
  EXPECT_TRUE(later[0].run.top_of(0).empty());
}

TEST(RequestFeed, AChoiceThatEndedTakesNothingMore) {
  RequestFeed feed(3);
  feed.end_choice(1);
  EXPECT_TRUE(feed.push_token(0, token(1)));
  EXPECT_FALSE(feed.push_token(1, token(1)));
  feed.close();
  EXPECT_FALSE(feed.push_token(0, token(1)));
  EXPECT_FALSE(feed.push_token(2, token(1)));
}

TEST(RequestFeed, AFailureKeepsItsFirstReason) {
  const auto feed = std::make_shared<RequestFeed>(1);
  const auto listener = feed_listener(feed, 0);
  listener->on_end(nullptr);
  EXPECT_EQ(feed->failure(), "");
  listener->on_end(std::make_exception_ptr(std::runtime_error("details of the inside")));
  EXPECT_EQ(feed->failure(), "The model failed at this request.");
  feed->fail("another");
  EXPECT_EQ(feed->failure(), "The model failed at this request.");
}

}  // namespace
}  // namespace drover::openai
