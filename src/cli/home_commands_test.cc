// status, trace and report over a home folder that holds one prompt and the beginning of a run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/drover_process_test.h"
#include "ledger/ledger.h"

namespace drover::cli {
namespace {

using ::testing::HasSubstr;

class HomeCommands : public testing::Test {
 protected:
  HomeCommands() {
    ledger::Ledger ledger(folder_.path() / "ledger.sqlite", ledger::Ledger::OpenMode::kCreate);
    ledger::Prompt prompt;
    prompt.dialog.messages.push_back({.sender = chat::Sender::kUser, .content = "What is <b>3</b> + 4?"});
    prompt.source = "hand-written";
    name_ = ledger::id_of(prompt).hex();
    ledger.add(prompt);
    ledger.begin_run("run", "small", "name = \"small\"\n");
  }

  TemporaryFolder folder_;
  std::string name_;
};

TEST_F(HomeCommands, TraceFindsAPromptByTheBeginningOfItsName) {
  const auto found = run_script("drover trace . " + name_.substr(0, 12), folder_);
  EXPECT_EQ(found.status, 0) << found.errors;
  EXPECT_THAT(found.output, HasSubstr("What is <b>3</b> + 4?"));
  EXPECT_THAT(found.output, HasSubstr("hand-written"));
}

TEST_F(HomeCommands, TraceOfAnUnknownNameIsOneSentence) {
  const auto missing = run_script("drover trace . zz", folder_);
  EXPECT_EQ(missing.status, 1);
  EXPECT_EQ(missing.num_error_lines(), 1);
  EXPECT_THAT(missing.errors, HasSubstr("zz"));
}

TEST_F(HomeCommands, ReportWritesOnePageAndSaysWhere) {
  const auto result = run_script("drover report . --output page.html", folder_);
  EXPECT_EQ(result.status, 0) << result.errors;
  EXPECT_EQ(result.output, "page.html\n");
  EXPECT_THAT(read_whole(folder_.path() / "page.html"), HasSubstr("</html>"));
}

TEST_F(HomeCommands, AFolderWithoutALedgerIsOneSentence) {
  for (const std::string command : {"status none", "trace none 4f", "report none"}) {
    const auto result = run_script("drover " + command, folder_);
    EXPECT_EQ(result.status, 1) << command;
    EXPECT_EQ(result.num_error_lines(), 1) << result.errors;
  }
}

TEST(Run, ARunThatEndsWithAnErrorLeavesTheReportOfWhatItHasDone) {
  const TemporaryFolder folder;
  // The command of the synthetic dialogs fails; what stands before it is done.
  const auto recipes = std::filesystem::path(DROVER_SOURCE_FOLDER) / "recipes";
  std::filesystem::copy(recipes / "tiny", folder.path() / "tiny", std::filesystem::copy_options::recursive);
  auto text = read_whole(recipes / "tiny.toml");
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"rounds = 6", "rounds = 1"}, {"steps = 900", "steps = 120"}, {"steps = 900", "steps = 120"},
           {"[collect]", "[synthetic.broken]\ncommand = \"exit 7\"\n[collect]"}}) {
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
  }
  folder.write("recipe.toml", text);
  const auto result = run_script("drover run recipe.toml --home home", folder);
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.errors, HasSubstr("exit status 7"));
  EXPECT_THAT(result.output, HasSubstr("report of what is done: home/report.html"));
  EXPECT_THAT(read_whole(folder.path() / "home/report.html"), HasSubstr("round 1 / collect"));
}

TEST(Inspect, ANegativeNumberOfRowsIsRefused) {
  const auto result = run_script("drover inspect some-model rows.jsonl --first -1");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.errors, HasSubstr("--first"));
}

}  // namespace
}  // namespace drover::cli
