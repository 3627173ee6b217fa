#include "curate/mix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "curate/dialog_test.h"
#include "curate/mix_table.h"

namespace drover::curate {
namespace {

using ::testing::HasSubstr;

std::vector<Row> rows_of(std::initializer_list<std::pair<int, const char*>> counts) {
  std::vector<Row> rows;
  for (const auto& [count, capability] : counts) {
    for (int i = 0; i < count; ++i)
      rows.push_back({.dialog = asked("one two", "three"), .capability = capability, .source = "s"});
  }
  return rows;
}

std::int64_t taken(const Mix& mix, const std::string& name) {
  return std::find_if(mix.groups.begin(), mix.groups.end(), [&](const auto& group) { return group.name == name; })
      ->taken;
}

template <typename Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const base::UserError& error) {
    return error.what();
  }
  return "not refused";
}

TEST(Mix, SharesAreMetAsFarAsTheScarcestGroupAllows) {
  const auto rows = rows_of({{100, "general"}, {10, "code"}, {50, "other"}});
  // Code may be a quarter: 10 of 40 rows.
  const auto mix = mix_rows(rows, {.shares = {{"general", 3}, {"code", 1}}});
  EXPECT_EQ(mix.total, 40);
  EXPECT_EQ(taken(mix, "general"), 30);
  EXPECT_EQ(taken(mix, "code"), 10);
  EXPECT_EQ(taken(mix, "other"), 0);
  EXPECT_EQ(std::accumulate(mix.copies.begin(), mix.copies.end(), std::int64_t{0}), 40);
  EXPECT_EQ(mix.decisions[159].rule, "not in the mix");
  EXPECT_EQ(
      std::count_if(mix.decisions.begin(), mix.decisions.end(), [](const auto& d) { return d.rule == "down-sampled"; }),
      70);
}

TEST(Mix, ScarceGroupsAreRepeatedAndEveryRowAboutEquallyOften) {
  const auto rows = rows_of({{100, "general"}, {8, "code"}});
  const auto mix = mix_rows(rows, {.shares = {{"general", 0.8}, {"code", 0.2}}, .rows = 100, .max_epochs = 3});
  EXPECT_EQ(taken(mix, "code"), 20);
  for (std::size_t i = 100; i < 108; ++i) EXPECT_TRUE(mix.copies[i] == 2 || mix.copies[i] == 3);
  EXPECT_EQ(mix.decisions[100].rule, "repeated");
}

TEST(Mix, SizesAreRoundedByLargestRemainder) {
  const auto rows = rows_of({{9, "a"}, {9, "b"}, {9, "c"}});
  // 10 rows by 1 : 1 : 1 are 3.33 each: 4, 3, 3.
  const auto mix = mix_rows(rows, {.shares = {{"a", 1}, {"b", 1}, {"c", 1}}, .rows = 10});
  EXPECT_EQ(mix.total, 10);
  EXPECT_EQ(taken(mix, "a"), 4);
  EXPECT_EQ(taken(mix, "b"), 3);
}

TEST(Mix, EpochsRepeatOrThinOutSources) {
  auto rows = rows_of({{10, "a"}, {10, "b"}, {10, "c"}});
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].source = rows[i].capability + "-source";
  const auto mix = mix_rows(rows, {.by = MixOptions::By::kSource, .epochs = {{"a-source", 2.5}, {"b-source", 0.3}}});
  EXPECT_EQ(taken(mix, "a-source"), 25);
  EXPECT_EQ(taken(mix, "b-source"), 3);
  EXPECT_EQ(taken(mix, "c-source"), 10) << "not named: once";
}

TEST(Mix, WhichRowsAreTakenDependsOnTheSeedOnly) {
  const auto rows = rows_of({{100, "a"}});
  const auto copies = [&](std::uint64_t seed) { return mix_rows(rows, {.epochs = {{"a", 0.5}}, .seed = seed}).copies; };
  EXPECT_EQ(copies(1), copies(1));
  EXPECT_NE(copies(1), copies(2));
}

TEST(Mix, WhatCannotBeMetIsRefusedWithWhatCan) {
  const auto rows = rows_of({{10, "general"}, {10, "code"}});
  EXPECT_THAT(refusal([&] { mix_rows(rows, {.shares = {{"general", 1}, {"cod", 1}}}); }),
              HasSubstr("\"cod\", of which there are no rows (did you mean \"code\"?)"));
  EXPECT_THAT(refusal([&] { mix_rows(rows, {.shares = {{"general", 9}, {"code", 1}}, .rows = 100, .max_epochs = 2}); }),
              HasSubstr("needs 90 of \"general\", but its 10 rows in at most 2 epochs are 20. Ask for 22 rows"));
  EXPECT_THROW(mix_rows(rows, {}), base::UserError);
  EXPECT_THROW(mix_rows(rows, {.shares = {{"general", -1}}}), base::UserError);
  EXPECT_THROW(mix_rows(rows, {.shares = {{"general", 0}}}), base::UserError);
}

TEST(MixFile, IsReadAndItsMistakesAreNamed) {
  const auto mix = parse_mix(
      "by = \"source\"\nrows = 1_000\nmax_epochs = 4\nseed = 7\n[shares]\n\"a b\" = 1\nc = 2.5\n", "mix.toml");
  EXPECT_EQ(mix.by, MixOptions::By::kSource);
  EXPECT_EQ(mix.rows, 1000);
  EXPECT_EQ(mix.max_epochs, 4);
  EXPECT_EQ(mix.seed, 7U);
  EXPECT_EQ(mix.shares, (std::map<std::string, double>{{"a b", 1}, {"c", 2.5}}));
  EXPECT_EQ(refusal([] { parse_mix("[share]\na = 1\n", "mix.toml"); }),
            "mix.toml, line 1: there is no key \"share\" (did you mean \"shares\"?).");
  EXPECT_THAT(refusal([] { parse_mix("rows = \"many\"\n", "mix.toml"); }),
              HasSubstr("\"rows\" must be a whole number"));
  EXPECT_THAT(refusal([] { parse_mix("rows = -1\n", "mix.toml"); }), HasSubstr("must be 0 or more"));
  EXPECT_THAT(refusal([] { parse_mix("[shares]\na = \"x\"\n", "mix.toml"); }), HasSubstr("\"a\" must be a number"));
  EXPECT_THAT(refusal([] { parse_mix("[shares\n", "mix.toml"); }), HasSubstr("mix.toml, line 1"));
  EXPECT_THAT(refusal([] { parse_mix("by = \"colour\"\n", "mix.toml"); }), HasSubstr("\"capability\" or \"source\""));
  EXPECT_THAT(refusal([] { parse_mix("", "mix.toml"); }), HasSubstr("either [shares] or [epochs]"));
}

std::int64_t count_words(std::string_view text) { return 1 + std::count(text.begin(), text.end(), ' '); }

TEST(MixTable, CountsTurnsAndTokensAsTableSeven) {
  std::vector<Row> rows = rows_of({{3, "general"}, {1, "code"}});
  rows[0].dialog.messages.push_back({.sender = chat::Sender::kUser, .content = "four five six"});
  rows[0].dialog.messages.push_back({.sender = chat::Sender::kAssistant, .content = "seven"});
  const auto lines = sft_table(rows, std::vector<std::int64_t>{1, 2, 0, 1}, count_words);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0].dataset, "General English");
  EXPECT_EQ(lines[0].examples, 3);
  EXPECT_DOUBLE_EQ(lines[0].percent, 75.0);
  EXPECT_DOUBLE_EQ(lines[0].turns, (4 + 2 + 2) / 3.0);
  EXPECT_DOUBLE_EQ(lines[0].tokens, (7 + 3 + 3) / 3.0);
  EXPECT_DOUBLE_EQ(lines[0].context_tokens, (6 + 2 + 2) / 3.0);
  EXPECT_DOUBLE_EQ(lines[0].response_tokens, 1.0);
  EXPECT_EQ(lines[1].dataset, "Code");
  EXPECT_EQ(lines[2].dataset, "Total");
  EXPECT_DOUBLE_EQ(lines[2].tokens, 16 / 4.0);
  const auto text = shown_table(lines);
  EXPECT_THAT(text, HasSubstr("75.00"));
  EXPECT_THAT(text, HasSubstr("52.66")) << "the report's share stands beside it";
}

TEST(MixTable, ThePapersLinesAddUp) {
  double percent = 0, tokens = 0;
  for (const char* name :
       {"General English", "Code", "Multilingual", "Exam-like", "Reasoning and tools", "Long context"}) {
    const auto line = *report_sft_line(name);
    percent += line.percent;
    tokens += line.percent / 100 * line.tokens;
    EXPECT_NEAR(line.context_tokens + line.response_tokens, line.tokens, 0.25) << name;
  }
  EXPECT_NEAR(percent, 100, 0.01);
  EXPECT_NEAR(tokens, report_sft_line("Total")->tokens, 2.0) << "0.005% of long contexts are 1.9 tokens";
  percent = 0;
  for (const char* name : {"General English", "Code", "Multilingual", "Reasoning and tools"})
    percent += report_preference_line(name)->percent;
  EXPECT_NEAR(percent, 100, 0.01);
}

TEST(MixTable, CountsPromptsAndResponsesAsTableSix) {
  chat::PreferenceRow row;
  row.prompt.messages = {{.sender = chat::Sender::kUser, .content = "a b"},
                         {.sender = chat::Sender::kAssistant, .content = "c"},
                         {.sender = chat::Sender::kUser, .content = "d e f g"}};
  row.responses = {{{.sender = chat::Sender::kAssistant, .content = "h i j"}},
                   {{.sender = chat::Sender::kAssistant, .content = "k"}}};
  const auto lines = preference_table(std::vector{row}, std::vector<std::string>{"tools"}, count_words);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].dataset, "Reasoning and tools");
  EXPECT_DOUBLE_EQ(lines[0].turns, 2);
  EXPECT_DOUBLE_EQ(lines[0].tokens, 2 + 1 + 4 + 3);
  EXPECT_DOUBLE_EQ(lines[0].prompt_tokens, 3);
  EXPECT_DOUBLE_EQ(lines[0].response_tokens, 2);
}

}  // namespace
}  // namespace drover::curate
