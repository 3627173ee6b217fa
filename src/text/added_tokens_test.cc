#include "text/added_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace drover::text {
namespace {

using testing::ElementsAre;

// "[id text]" for tokens, the text itself for plain parts.
std::vector<std::string> split(const AddedTokens& tokens, std::string_view text, bool parse_special = true,
                               AddedTokens::Group group = AddedTokens::Group::kRaw) {
  std::vector<TextPart> parts;
  tokens.split(text, group, parse_special, parts);
  std::vector<std::string> shown;
  for (const TextPart& part : parts) {
    shown.push_back(part.id == kNoToken ? std::string(part.text)
                                        : "[" + std::to_string(to_int(part.id)) + " " + std::string(part.text) + "]");
  }
  return shown;
}

AddedTokens tokens_of(std::vector<AddedToken> tokens) { return AddedTokens(std::move(tokens)); }

TEST(AddedTokens, TakeTheLeftmostAndThereTheLongest) {
  const AddedTokens tokens = tokens_of({{.content = "ab", .id = TokenId{1}},
                                        {.content = "abc", .id = TokenId{2}},
                                        {.content = "bcd", .id = TokenId{3}}});
  EXPECT_THAT(split(tokens, "xabcdab"), ElementsAre("x", "[2 abc]", "d", "[1 ab]"));
  EXPECT_THAT(split(tokens, "bcdabd"), ElementsAre("[3 bcd]", "[1 ab]", "d"));
}

TEST(AddedTokens, FindSpecialStringsOnlyWhenAsked) {
  const AddedTokens tokens =
      tokens_of({{.content = "<|end|>", .id = TokenId{7}, .special = true}, {.content = "<tool>", .id = TokenId{8}}});
  EXPECT_THAT(split(tokens, "a<|end|><tool>", true), ElementsAre("a", "[7 <|end|>]", "[8 <tool>]"));
  EXPECT_THAT(split(tokens, "a<|end|><tool>", false), ElementsAre("a<|end|>", "[8 <tool>]"));
  EXPECT_FALSE(tokens_of({{.content = "<|end|>", .id = TokenId{7}, .special = true}})
                   .may_split(AddedTokens::Group::kRaw, false));
}

TEST(AddedTokens, SwallowBlanksOnTheSidesThatStrip) {
  const AddedTokens tokens = tokens_of(
      {{.content = "<mask>", .id = TokenId{1}, .lstrip = true}, {.content = "<r>", .id = TokenId{2}, .rstrip = true}});
  EXPECT_THAT(split(tokens, "a \u00a0<mask> b"), ElementsAre("a", "[1  \u00a0<mask>]", " b"));
  EXPECT_THAT(split(tokens, "a <r>  b"), ElementsAre("a ", "[2 <r>  ]", "b"));
  EXPECT_THAT(split(tokens, "<r>  <mask>"), ElementsAre("[2 <r>  ]", "[1 <mask>]"));
  // Hugging Face tokenizers finds a token of blanks also where they were taken along.
  const AddedTokens blanks =
      tokens_of({{.content = "  ", .id = TokenId{3}}, {.content = "<r>", .id = TokenId{2}, .rstrip = true}});
  EXPECT_THAT(split(blanks, "<r>  x"), ElementsAre("[2 <r>  ]", "[3   ]", "x"));
}

TEST(AddedTokens, StandAloneWhenSingleWord) {
  const AddedTokens tokens = tokens_of({{.content = "bot", .id = TokenId{1}, .single_word = true}});
  EXPECT_THAT(split(tokens, "bot robot bots bot-bot"),
              ElementsAre("[1 bot]", " robot bots ", "[1 bot]", "-", "[1 bot]"));
  EXPECT_THAT(split(tokens, "\u00e9bot"), ElementsAre("\u00e9bot"));
}

TEST(AddedTokens, KeepTheTwoGroupsApart) {
  const AddedTokens tokens =
      tokens_of({{.content = "raw", .id = TokenId{1}}, {.content = "normal", .id = TokenId{2}, .normalized = true}});
  EXPECT_THAT(split(tokens, "rawnormal", true, AddedTokens::Group::kRaw), ElementsAre("[1 raw]", "normal"));
  EXPECT_THAT(split(tokens, "rawnormal", true, AddedTokens::Group::kNormalized), ElementsAre("raw", "[2 normal]"));
}

TEST(AddedTokens, TakeTheLaterOfTwoEntriesWithOneSpelling) {
  const AddedTokens tokens =
      tokens_of({{.content = "x", .id = TokenId{1}}, {.content = "x", .id = TokenId{2}, .special = true}});
  EXPECT_EQ(tokens.find("x"), TokenId{2});
  EXPECT_TRUE(tokens.is_special(TokenId{2}));
  EXPECT_FALSE(tokens.is_special(TokenId{1}));
}

TEST(AddedTokens, RefuseEmptyContentAndNegativeIds) {
  EXPECT_THROW(tokens_of({{.content = "", .id = TokenId{1}}}), base::UserError);
  EXPECT_THROW(tokens_of({{.content = "x", .id = TokenId{-1}}}), base::UserError);
}

}  // namespace
}  // namespace drover::text
