#include "curate/reply_marks.h"

#include <gtest/gtest.h>

namespace drover::curate {
namespace {

TEST(ReplyMarks, AnEmojiCountsOnceHoweverManyCodePointsItHas) {
  EXPECT_EQ(marks_of("plain").emojis, 0);
  EXPECT_EQ(marks_of("\U0001F600 \U0001F44D\U0001F3FD").emojis, 2) << "a face, and a thumb with a skin tone";
  EXPECT_EQ(marks_of("\U0001F468\u200D\U0001F469\u200D\U0001F467").emojis, 1) << "a family, joined";
  EXPECT_EQ(marks_of("\U0001F1EB\U0001F1F7\U0001F1E9\U0001F1EA").emojis, 2) << "two flags of two letters each";
  EXPECT_EQ(marks_of("\u2764\uFE0F 1\uFE0F\u20E3").emojis, 2) << "a heart shown as an emoji, and a keycap";
  EXPECT_EQ(marks_of("\u00A9 \u2192 \u2013 \u201Cquoted\u201D \u4F60\u597D").emojis, 0)
      << "signs, quotes and Chinese are none";
}

TEST(ReplyMarks, OnlyExclamationMarksOfSentencesCount) {
  EXPECT_EQ(marks_of("Great! Really?! \u597D\uFF01").exclamation_marks, 3);
  EXPECT_EQ(marks_of("a != b, 5! = 120, println!(x), ![alt](x.png), #!/bin/sh").exclamation_marks, 0);
  EXPECT_EQ(marks_of("Run `echo Hi!` now!").exclamation_marks, 1);
  EXPECT_EQ(marks_of("```\nprint('Hi!')\n```\nDone!").exclamation_marks, 1);
}

TEST(ReplyMarks, AFencedBlockMustEnd) {
  EXPECT_FALSE(marks_of("```py\nx\n```\n").has_open_code_block);
  EXPECT_TRUE(marks_of("Look:\n```py\nx\n").has_open_code_block);
  EXPECT_FALSE(marks_of("three ``` in a line").has_open_code_block);
}

TEST(ReplyMarks, ALongPlainTextHidesNothing) {
  for (std::size_t place : {0U, 1U, 62U, 63U, 64U, 65U, 127U, 200U}) {
    std::string text(300, 'x');
    text.insert(place, " \U0001F600 oh! ");
    EXPECT_EQ(marks_of(text).emojis, 1) << place;
    EXPECT_EQ(marks_of(text).exclamation_marks, 1) << place;
  }
}

std::string rewritten(std::string_view text, std::int64_t emojis, std::int64_t exclamation_marks) {
  MarkLimits left{.emojis = emojis, .exclamation_marks = exclamation_marks};
  return with_fewer_marks(text, left);
}

TEST(ReplyMarks, TheFirstOnesStayWhenATextIsRewritten) {
  EXPECT_EQ(rewritten("Hi \U0001F600 there \U0001F601 you \U0001F602!", 1, -1), "Hi \U0001F600 there you!");
  EXPECT_EQ(rewritten("One!!! Two! Three! Why?!", -1, 1), "One! Two. Three. Why?");
  EXPECT_EQ(rewritten("\u597D\uFF01\u597D\uFF01", -1, 1), "\u597D\uFF01\u597D\u3002");
  EXPECT_EQ(rewritten("x != y! `a!`", -1, 0), "x != y. `a!`") << "code stays";
  EXPECT_EQ(rewritten("\U0001F600 Hi!", -1, -1), "\U0001F600 Hi!") << "no limit, no change";
}

TEST(ReplyMarks, WhatIsRewrittenKeepsWithinTheLimits) {
  const std::string text = "Wow!! \U0001F600\U0001F600 Yes! No! \u2764\uFE0F \U0001F44D\U0001F3FD Done!?!";
  for (std::int64_t limit = 0; limit < 6; ++limit) {
    const auto marks = marks_of(rewritten(text, limit, limit));
    EXPECT_LE(marks.emojis, limit);
    EXPECT_LE(marks.exclamation_marks, limit);
  }
}

TEST(ReplyMarks, BrokenCharactersAreNoEmojis) {
  EXPECT_EQ(marks_of("\xF0\x9F\x98").emojis, 0);
  EXPECT_EQ(marks_of("\xE2\x80").emojis, 0);
  EXPECT_EQ(marks_of("\xEF\xB8\x8F").emojis, 0) << "the style alone, with nothing before it";
  EXPECT_EQ(marks_of("\xFF\xFE!").exclamation_marks, 1);
}

}  // namespace
}  // namespace drover::curate
