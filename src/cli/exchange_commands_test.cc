// export, import, forget, gc, status, trace and compare over homes that the test makes with the program itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/drover_process_test.h"
#include "ledger/ledger.h"

namespace drover::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kSnow =
    R"({"stage": "collect", "sample": 0, "model": "m", "kind": "sample", "reply": [{"role": "assistant", "content": "Frozen water."}], "prompt": {"messages": [{"role": "user", "content": "What is snow?"}], "source": "good"}})";
constexpr const char* kPlanted =
    R"({"stage": "collect", "sample": 0, "model": "m", "kind": "sample", "reply": [{"role": "assistant", "content": "A secret."}], "prompt": {"messages": [{"role": "user", "content": "What is it?"}], "source": "planted"}})";

class ExchangeCommands : public testing::Test {
 protected:
  ExchangeCommands() {
    folder_.write("facts.jsonl", std::string(kSnow) + "\n\n" + R"({"kind": "row", "stage": "sft", "ordinal": 0, "training": "sft", "replies": [)" +
                                     kPlanted + "]}\n" +
                                     R"({"kind": "model", "hash": "abcd", "name": "tuned", "stage": "sft", "folder": "models/tuned"})" + "\n");
    imported_ = run_script("drover import home facts.jsonl", folder_);
  }

  ProcessResult drover(const std::string& arguments) const { return run_script("drover " + arguments, folder_); }

  void expect_one_sentence(const std::string& arguments, int status, const std::string& part) const {
    SCOPED_TRACE(arguments);
    const auto result = drover(arguments);
    EXPECT_EQ(result.status, status);
    EXPECT_EQ(result.num_error_lines(), 1) << result.errors;
    EXPECT_THAT(result.errors, StartsWith("drover: "));
    EXPECT_THAT(result.errors, HasSubstr(part));
    EXPECT_THAT(result.output, IsEmpty());
  }

  /// Leaves a run with one finished stage, that of the training row, in a home. Its process has ended.
  void begin_run(const std::string& home, const std::string& recipe) const {
    const pid_t child = fork();
    if (child == 0) {
      {
        ledger::Ledger ledger(folder_.path() / home / "ledger.sqlite", ledger::Ledger::OpenMode::kCreate);
        ledger.begin_run("run of " + home, home, recipe);
        ledger.add(ledger::StageBegin{.key = "sft", .name = "round 1 / sft", .inputs = "{}", .options = "{}"});
        ledger.add(ledger::StageEnd{.key = "sft", .output = "{}", .hash = "h"});
        ledger.add_stage_to_run("run of " + home, 0, "sft");
      }
      _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    ASSERT_EQ(status, 0);
  }

  TemporaryFolder folder_;
  ProcessResult imported_;
};

TEST_F(ExchangeCommands, WhatWasExportedAndImportedIsExportedAgainByteForByte) {
  EXPECT_EQ(imported_.output, "imported: 1 model, 1 row, 1 sample\n") << imported_.errors;
  EXPECT_EQ(drover("export home -o samples.jsonl").output, "2 samples to samples.jsonl\n");
  EXPECT_EQ(drover("import copy samples.jsonl").output, "imported: 2 samples\n");
  EXPECT_EQ(drover("export copy").output, read_whole(folder_.path() / "samples.jsonl"));
  EXPECT_EQ(drover("import copy samples.jsonl").status, 0);
  EXPECT_EQ(drover("export copy").output, read_whole(folder_.path() / "samples.jsonl"));
}

TEST_F(ExchangeCommands, AFileWithAFaultLeavesTheLedgerAsItWas) {
  const auto before = drover("export home").output;
  folder_.write("half.jsonl", std::string(kPlanted) + "\n" + R"({"kind": "prompt", "messages": []})" + "\n");
  expect_one_sentence("import home half.jsonl", 1, "half.jsonl, line 2");
  folder_.write("cut.jsonl", std::string(kSnow).substr(0, 50));
  expect_one_sentence("import home cut.jsonl", 1, "cut.jsonl, line 1: not JSON");
  folder_.write("answer.jsonl", R"({"kind": "answer", "request": "0123456789abcdef", "annotator": "anna", "preferred": "first", "level": "better"})");
  expect_one_sentence("import home answer.jsonl", 1, "has not asked for");
  folder_.write("kind.jsonl", R"({"kind": "samples"})");
  expect_one_sentence("import home kind.jsonl", 1, "did you mean \"sample\"");
  EXPECT_EQ(drover("export home").output, before);
}

TEST_F(ExchangeCommands, BadArgumentsAreOneSentence) {
  expect_one_sentence("export home --what sample", 1, "did you mean \"samples\"");
  expect_one_sentence("import home nowhere.jsonl", 1, "nowhere.jsonl");
  expect_one_sentence("import home .", 1, "is a folder");
  expect_one_sentence("gc home --keep -1", 1, "--keep");
  expect_one_sentence("trace home ''", 1, "hexadecimal");
  expect_one_sentence("forget home --source nobody", 1, "its sources are: good, planted");
  expect_one_sentence("status home", 1, "No run has begun");
  expect_one_sentence("compare home home", 1, "No run has begun in the first home");
  for (const std::string command : {"export none", "forget none --source a", "gc none", "compare none none"})
    expect_one_sentence(command, 1, "There is no ledger at none");
}

TEST_F(ExchangeCommands, AFileThatIsNoLedgerIsRefusedByEachCommandAndLeftAlone) {
  std::filesystem::create_directories(folder_.path() / "text");
  folder_.write("text/ledger.sqlite", "this is no ledger, whatever its name says\n");
  for (const std::string command : {"status text", "trace text 4f", "compare text text", "export text", "import text facts.jsonl",
                                    "forget text --source good", "gc text", "gc text --delete"}) {
    expect_one_sentence(command, 1, "not a ledger");
  }
  EXPECT_EQ(read_whole(folder_.path() / "text/ledger.sqlite"), "this is no ledger, whatever its name says\n");
}

TEST_F(ExchangeCommands, ForgetNamesTheModelsAndADryRunChangesNothing) {
  const auto tried = drover("forget home --source planted --dry-run");
  EXPECT_THAT(tried.output, HasSubstr("abcd  tuned  models/tuned"));
  EXPECT_THAT(drover("export home").output, HasSubstr("A secret."));
  const auto done = drover("forget home --source planted --json");
  const auto json = nlohmann::json::parse(done.output);
  EXPECT_EQ(json.at("models").at(0).at("name"), "tuned");
  EXPECT_EQ(json.at("removed").at("generations"), 1);
  const auto left = drover("export home").output;
  EXPECT_THAT(left, Not(HasSubstr("A secret.")));
  EXPECT_THAT(left, HasSubstr("Frozen water."));
  expect_one_sentence("forget home --source planted", 1, "its sources are: good");
}

TEST_F(ExchangeCommands, GcListsUnrecordedFilesAndDeletesThemOnlyWhenAsked) {
  begin_run("home", "name = \"home\"\n");
  std::filesystem::create_directories(folder_.path() / "home/models/stray");
  folder_.write("home/models/stray/model.safetensors", std::string(1000, 'x'));
  EXPECT_THAT(drover("gc home").output, HasSubstr("models/stray"));
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "home/models/stray/model.safetensors"));
  const auto deleted = drover("gc home --delete --json");
  EXPECT_EQ(nlohmann::json::parse(deleted.output).at("is_deleted"), true) << deleted.errors;
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "home/models/stray/model.safetensors"));
  EXPECT_EQ(drover("gc home").output, "Nothing here may be deleted.\n");
}

TEST_F(ExchangeCommands, CompareShowsTheSettingsThatDiffer) {
  begin_run("home", "[dpo]\nbeta = 0.1\nsteps = 5\n");
  std::filesystem::create_directories(folder_.path() / "other");
  begin_run("other", "[dpo]\nbeta = 0.3\nsteps = 5\n");
  const auto result = drover("compare home other --json");
  const auto json = nlohmann::json::parse(result.output);
  ASSERT_EQ(json.at("recipe").size(), 1U) << result.output;
  EXPECT_EQ(json.at("recipe").at(0), (nlohmann::json{{"key", "dpo.beta"}, {"first", "0.1"}, {"second", "0.3"}}));
  EXPECT_EQ(json.at("mix").at(0).at("source"), "planted");
  EXPECT_THAT(drover("compare home other").output, HasSubstr("dpo.beta"));
}

TEST_F(ExchangeCommands, StatusOfABegunRunNamesItAndChecksTheFile) {
  begin_run("home", "name = \"home\"\n");
  EXPECT_EQ(drover("status home --check").status, 0);
  EXPECT_TRUE(nlohmann::json::accept(drover("status home --json").output));
}

}  // namespace
}  // namespace drover::cli
