#include "curate/cleaning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "curate/dialog_test.h"

namespace drover::curate {
namespace {

using ::testing::HasSubstr;

Decision only_decision(chat::Dialog dialog, const CleaningOptions& options = {}, const std::string& fault = "") {
  std::vector<chat::Dialog> dialogs = {std::move(dialog)};
  const std::vector<std::string> faults = {fault};
  return clean(dialogs, faults, options).decisions.at(0);
}

TEST(Cleaning, AGoodReplyIsKeptAndUntouched) {
  std::vector<chat::Dialog> dialogs = {asked("2 + 2?", "Four! \U0001F600")};
  const auto before = dialogs;
  const auto cleaning = clean(dialogs, {}, {});
  EXPECT_TRUE(cleaning.decisions[0].kept);
  EXPECT_EQ(cleaning.decisions[0].rule, "clean");
  EXPECT_EQ(dialogs, before);
}

TEST(Cleaning, EachRuleNamesItselfAndItsReason) {
  EXPECT_EQ(only_decision(asked("a?", " \n")).rule, "empty");
  auto question = asked("a?", "b");
  question.messages.pop_back();
  EXPECT_EQ(only_decision(question).rule, "empty");
  auto cut = asked("a?", "b and");
  cut.messages.back().ending = chat::Ending::kCut;
  EXPECT_EQ(only_decision(cut).rule, "cut");
  EXPECT_EQ(only_decision(asked("a?", "See:\n```\nx = 1\n")).rule, "cut");
  EXPECT_EQ(only_decision(asked("a?", "b<|im_end|>\n")).rule, "malformed");
  EXPECT_EQ(only_decision(asked("a?", "b \uFFFD")).rule, "malformed");
  EXPECT_EQ(only_decision(asked("a?", "b"), {}, "the call is not JSON").reason, "the call is not JSON");
  std::string loop;
  for (int i = 0; i < 20; ++i) loop += "and then again ";
  const auto looped = only_decision(asked("a?", loop));
  EXPECT_EQ(looped.rule, "loop");
  EXPECT_EQ(looped.reason, "the same 3 words stand there 20 times in a row");
}

TEST(Cleaning, ACallOfAToolThatIsNotThereIsMalformed) {
  auto dialog = asked("Weather?", "");
  dialog.tools = {{.name = "weather"}};
  dialog.messages.back().calls = {{.name = "wether"}};
  EXPECT_THAT(only_decision(dialog).reason, HasSubstr("\"wether\""));
  dialog.messages.back().calls[0].name = "weather";
  EXPECT_TRUE(only_decision(dialog).kept);
}

TEST(Cleaning, TooManyMarksAreRewrittenOrDroppedAsAsked) {
  const auto loud = asked("a?", "Yes! Yes! Yes! Yes! \U0001F600");
  std::vector<chat::Dialog> dialogs = {loud};
  const auto cleaning = clean(dialogs, {}, {});
  EXPECT_EQ(cleaning.num_rewritten, 1);
  EXPECT_TRUE(cleaning.decisions[0].kept);
  EXPECT_EQ(cleaning.decisions[0].rule, "rewritten");
  EXPECT_EQ(cleaning.decisions[0].reason, "4 exclamation marks, at most 3 may stand there");
  EXPECT_EQ(dialogs[0].messages.back().content, "Yes! Yes! Yes! Yes. \U0001F600");

  const auto dropped = only_decision(loud, {.exclamation_marks = Treatment::kDrop});
  EXPECT_FALSE(dropped.kept);
  EXPECT_EQ(dropped.rule, "exclamation marks");
  EXPECT_EQ(only_decision(loud, {.exclamation_marks = Treatment::kLeave}).rule, "clean");
  EXPECT_EQ(only_decision(loud, {.emojis = Treatment::kDrop, .max_emojis = 0}).rule, "emojis");
}

TEST(Cleaning, TheLimitCountsTheWholeTurnAndNoOther) {
  chat::Dialog dialog = asked("Hi! Hi! Hi! Hi! Hi!", "Wow! Wow!");
  dialog.messages.push_back({.sender = chat::Sender::kAssistant, .content = "Wow! Wow!"});
  std::vector<chat::Dialog> dialogs = {dialog};
  clean(dialogs, {}, {});
  EXPECT_EQ(dialogs[0].messages[0].content, "Hi! Hi! Hi! Hi! Hi!");
  EXPECT_EQ(dialogs[0].messages[1].content, "Wow! Wow!");
  EXPECT_EQ(dialogs[0].messages[2].content, "Wow! Wow.");
}

TEST(Cleaning, TheSecondOfEqualDialogsGoes) {
  std::vector<chat::Dialog> dialogs = {asked("a", "b"), asked("ab", ""), asked("a", "b"), asked("a", "c")};
  const auto cleaning = clean(dialogs, {}, {.drop_empty = false});
  EXPECT_TRUE(cleaning.decisions[0].kept);
  EXPECT_TRUE(cleaning.decisions[1].kept) << "texts do not run together";
  EXPECT_EQ(cleaning.decisions[2].rule, "duplicate");
  EXPECT_EQ(cleaning.decisions[2].other, 0U);
  EXPECT_TRUE(cleaning.decisions[3].kept);
}

TEST(Cleaning, ApologiesAreBalancedAmongTheRowsThatAreLeft) {
  std::vector<chat::Dialog> dialogs;
  for (int i = 0; i < 10; ++i) dialogs.push_back(asked("q" + std::to_string(i), "I'm sorry, no."));
  for (int i = 10; i < 20; ++i) dialogs.push_back(asked("q" + std::to_string(i), "Yes."));
  for (int i = 20; i < 40; ++i) dialogs.push_back(asked("q" + std::to_string(i), ""));
  const auto cleaning = clean(dialogs, {}, {.openings = {.apology_share = 0.2}});
  // 20 rows are left; d = ceil((10 - 4) / 0.8) = 8.
  EXPECT_EQ(kept_rows(cleaning.decisions).size(), 12U);
  EXPECT_EQ(std::count_if(cleaning.decisions.begin(), cleaning.decisions.end(),
                          [](const auto& d) { return d.rule == "overused apology"; }),
            8);
}

TEST(Cleaning, ImpossibleLimitsAreRefused) {
  EXPECT_THROW(only_decision(asked("a", "b"), {.max_emojis = -1}), base::UserError);
  EXPECT_THROW(only_decision(asked("a", "b"), {.loops = {.repeats = 1}}), base::UserError);
}

}  // namespace
}  // namespace drover::curate
