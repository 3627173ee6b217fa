#include "curate/decontamination.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "curate/comparable_text.h"
#include "curate/dialog_test.h"

namespace drover::curate {
namespace {

using ::testing::HasSubstr;

TEST(ComparableText, CaseWidthAndWhiteSpaceDoNotCount) {
  EXPECT_EQ(comparable_text("  What\tIS \n 2+2? "), "what is 2+2?");
  EXPECT_EQ(comparable_text("\uFF37\uFF48\uFF41\uFF54 \uFB01ne Stra\u00DFE"), "what fine strasse")
      << "full width, ligature, sharp s";
  EXPECT_EQ(comparable_text("cafe\u0301"), comparable_text("CAF\u00C9")) << "composed or not";
  EXPECT_EQ(comparable_text("a\u00A0\u3000b"), "a b") << "wide blanks";
  EXPECT_EQ(comparable_text(""), "");
  EXPECT_EQ(comparable_text("x\xFFy\u00C4"), "x\uFFFDy\u00E4");
}

TEST(ComparableText, WordsAreWhatLiesBetweenOtherCharacters) {
  EXPECT_EQ(word_hashes("one, two--three").size(), 3U);
  EXPECT_EQ(word_hashes("one two"), word_hashes("one: two!"));
  EXPECT_EQ(word_hashes("\u4F60\u597Dab").size(), 3U);
}

std::vector<HeldOutPrompt> suite() {
  return {{.suite = "sums", .number = 1, .text = "What is 2 + 2?"},
          {.suite = "trains",
           .number = 2,
           .text = "A train leaves Berlin at noon and drives at ninety kilometres an hour until it meets another one "
                   "near Hamburg."}};
}

TEST(Decontamination, AnEqualPromptIsALeakHoweverItIsWritten) {
  const auto prompts = suite();
  const Decontaminator decontaminator(prompts);
  EXPECT_EQ(decontaminator.leak_in(asked("what IS\n2 + 2?", "4")), "it asks line 1 of sums");
  EXPECT_EQ(decontaminator.leak_in(asked("What is 2 + 3?", "5")), std::nullopt);
  EXPECT_EQ(decontaminator.leak_in(asked("Tell me: what is 2 + 2?", "4")), std::nullopt) << "exact means exact";
}

TEST(Decontamination, EveryTurnOfTheUserIsCompared) {
  const auto prompts = suite();
  const Decontaminator decontaminator(prompts);
  auto dialog = asked("Hello", "Hi");
  dialog.messages.push_back({.sender = chat::Sender::kUser, .content = "What is 2 + 2?"});
  dialog.messages.push_back({.sender = chat::Sender::kAssistant, .content = "4"});
  EXPECT_TRUE(decontaminator.leak_in(dialog));
  EXPECT_FALSE(decontaminator.leak_in(asked("Hello", "What is 2 + 2?"))) << "the assistant's own words are no prompt";
  const std::vector<HeldOutPrompt> two_turns = {{.suite = "turns", .number = 1, .text = "Hello\nWhat is 2 + 2?"}};
  EXPECT_TRUE(Decontaminator(two_turns).leak_in(dialog)) << "a prompt of two turns";
}

TEST(Decontamination, WindowsFindAPromptInsideOtherWords) {
  const auto prompts = suite();
  // The prompt has 20 words, so 16 windows of 5.
  const Decontaminator windows(prompts, {.window_words = 5});
  const auto inside = asked(
      "Solve this. A train leaves Berlin at noon, and drives at ninety kilometres an hour until it meets another. "
      "Where?",
      "x");
  // 17 words of it stand there: 13 windows.
  EXPECT_THAT(windows.leak_in(inside).value_or(""),
              HasSubstr("it holds 13 of 16 windows of 5 words of line 2 of trains"));
  EXPECT_FALSE(Decontaminator(prompts).leak_in(inside));
  EXPECT_FALSE(windows.leak_in(asked("A train leaves Berlin at noon and stops.", "x"))) << "too few windows";
  EXPECT_FALSE(Decontaminator(prompts, {.window_words = 5, .window_share = 1.0}).leak_in(inside));
  EXPECT_FALSE(windows.leak_in(asked("So what is 2 + 2? Say it.", "4"))) << "a prompt shorter than a window";
}

TEST(Decontamination, APlantedLeakIsTheOnlyRowThatGoes) {
  const auto prompts = suite();
  std::vector<chat::Dialog> dialogs;
  for (int i = 0; i < 50; ++i)
    dialogs.push_back(asked("What is 3 + " + std::to_string(i) + "?", std::to_string(3 + i)));
  dialogs[17] = asked("WHAT IS 2 + 2?", "4");
  const auto decisions = decontaminate(dialogs, Decontaminator(prompts));
  for (std::size_t i = 0; i < decisions.size(); ++i) EXPECT_EQ(decisions[i].kept, i != 17);
  EXPECT_EQ(decisions[17].rule, "leak");
}

class HeldOutFile : public testing::Test {
 protected:
  HeldOutFile()
      : path_(std::filesystem::temp_directory_path() / ("drover_held_out_" + std::to_string(::getpid()) + ".jsonl")) {}
  ~HeldOutFile() override { std::filesystem::remove(path_); }
  std::vector<HeldOutPrompt> read(std::string_view text) {
    base::write_file_atomically(path_, text);
    return read_held_out_prompts(path_);
  }
  std::filesystem::path path_;
};

TEST_F(HeldOutFile, DialogsAndCommonFieldsAreRead) {
  const auto prompts =
      read(R"({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}], "expected": "7"})"
           "\n\n"
           R"({"question": "b", "answer": "c"})"
           "\n"
           R"({"prompt": "d", "kwargs": [{}]})"
           "\n"
           R"({"turns": ["e", "f"]})");
  ASSERT_EQ(prompts.size(), 4U);
  EXPECT_EQ(prompts[3].text, "e\nf");
  EXPECT_EQ(prompts[0].text, "a");
  EXPECT_EQ(prompts[1].text, "b");
  EXPECT_EQ(prompts[1].number, 3);
  EXPECT_EQ(prompts[2].text, "d");
}

TEST_F(HeldOutFile, ARowWithoutAPromptIsNamed) {
  try {
    read("{\"question\": \"b\"}\n{\"answer\": \"c\"}\n");
    FAIL() << "not refused";
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("line 2: the row has no prompt"));
  }
  EXPECT_THROW(read("\n"), base::UserError);
  EXPECT_THROW(read("{"), base::UserError);
}

}  // namespace
}  // namespace drover::curate
