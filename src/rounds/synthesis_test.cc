#include "rounds/synthesis.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "rounds/tiny_recipe_test.h"

namespace drover::rounds {
namespace {

using ::testing::HasSubstr;

class SynthesisTest : public ::testing::Test {
 protected:
  Recipe recipe(const std::string& table) const {
    return tiny_recipe({{"[collect]", "[synthetic.made]\nlicence = \"CC0-1.0\"\n" + table + "\n[collect]"}});
  }
  FactSet add(const Recipe& recipe, std::int64_t round = 1) {
    Workspace work(recipe, folder_.path(), ledger_, {});
    std::vector<ledger::PromptId> prompts;
    chat::Dialog question;
    question.messages = {{.sender = chat::Sender::kUser, .content = "what is 2+2?"}};
    prompts.push_back(ledger_.add(ledger::Prompt{.dialog = question, .source = {}, .licence = {}, .tags = {"sum"}, .difficulty = {}, .checker = {}, .expected = {}}));
    return add_synthetic_dialogs(work, "stage", round, prompts);
  }

  TemporaryFolder folder_{"synthesis"};
  ledger::Ledger ledger_{folder_.path() / "ledger.sqlite", ledger::Ledger::OpenMode::kCreate};
};

TEST_F(SynthesisTest, TheFinalTurnOfAFilesDialogsBecomesAKeptReply) {
  const auto facts = add(recipe("file = \"tiny/text.jsonl\"\nrows = 5\ncapability = \"sum\""));
  EXPECT_EQ(facts.count, 5);
  const auto decisions = ledger_.decisions_of("stage");
  ASSERT_EQ(decisions.size(), 5U);
  for (const auto& decision : decisions) {
    EXPECT_TRUE(decision.is_kept);
    const auto generation = ledger_.find(decision.generation);
    EXPECT_EQ(generation->reply.size(), 1U);
    const auto prompt = ledger_.find(generation->prompt);
    EXPECT_EQ(prompt->tags.front(), "sum");
    EXPECT_EQ(prompt->licence, "CC0-1.0");
    EXPECT_EQ(prompt->dialog.messages.size(), 1U);
  }
}

TEST_F(SynthesisTest, ACommandGetsTheRoundsPromptsAndWritesDialogs) {
  const auto facts = add(recipe("command = '''sed 's/]}/,{\"role\":\"assistant\",\"content\":\"four\"}]}/' '''"));
  ASSERT_EQ(facts.count, 1);
  const auto generation = ledger_.find(ledger_.decisions_of("stage").at(0).generation);
  EXPECT_EQ(generation->reply.at(0).content, "four");
  EXPECT_EQ(ledger_.find(generation->prompt)->dialog.messages.at(0).content, "what is 2+2?");
}

TEST_F(SynthesisTest, ASourceWaitsForItsRound) {
  const auto later = recipe("file = \"tiny/text.jsonl\"\nfrom_round = 2");
  EXPECT_EQ(add(later, 1).count, 0);
  EXPECT_EQ(add(later, 2).count, 1000);
}

TEST_F(SynthesisTest, ADialogWithoutAnAnswerIsRefusedWithItsLine) {
  try {
    add(recipe("command = \"cat\""));
    FAIL();
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("line 1"));
  }
}

TEST_F(SynthesisTest, ACommandThatWroteWhatCannotBeUsedIsAskedAgain) {
  const auto script = folder_.path() / "script";
  const auto made = recipe("command = \"sh " + script.string() + "\"");
  for (const std::string bad : {"true", "echo 'no JSON'", "cat", "echo"}) {
    base::write_file_atomically(script, bad + "\n");
    try {
      add(made);
      ADD_FAILURE() << bad;
    } catch (const base::UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr("[synthetic.made]")) << bad;
    }
  }
  base::write_file_atomically(script, "sed 's/]}/,{\"role\":\"assistant\",\"content\":\"four\"}]}/'\n");
  EXPECT_EQ(add(made).count, 1);
  base::write_file_atomically(script, "true\n");
  EXPECT_EQ(add(made).count, 1) << "what was usable is kept";
}

TEST_F(SynthesisTest, AFileThatTheCommandNamesIsPartOfTheKey) {
  const auto script = folder_.path() / "script";
  for (const auto& command : {"sh " + script.string() + " --fast", "sh '" + script.string() + "'"}) {
    const auto made = recipe("command = \"" + command + "\"");
    const Workspace work(made, folder_.path(), ledger_, {});
    base::write_file_atomically(script, "true\n");
    const auto before = hash_of_synthetic_files(work, 1);
    EXPECT_EQ(hash_of_synthetic_files(work, 1), before);
    base::write_file_atomically(script, "false\n");
    EXPECT_NE(hash_of_synthetic_files(work, 1), before) << command;
  }
}

TEST_F(SynthesisTest, ASourceIsAFileOrACommand) { EXPECT_THROW(recipe("rows = 1"), base::UserError); }

}  // namespace
}  // namespace drover::rounds
