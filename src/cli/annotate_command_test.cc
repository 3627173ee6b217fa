// drover annotate over a home folder in which one comparison waits for people.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/drover_process_test.h"
#include "ledger/ledger.h"

namespace drover::cli {
namespace {

using ::testing::HasSubstr;

class AnnotateCommand : public testing::Test {
 protected:
  AnnotateCommand() {
    ledger::Ledger ledger(folder_.path() / "ledger.sqlite", ledger::Ledger::OpenMode::kCreate);
    ledger::Prompt prompt;
    prompt.dialog.messages = {{.sender = chat::Sender::kUser, .content = "Say hello."}};
    const auto id = ledger.add(prompt);
    const auto reply = [&](const std::string& model, const std::string& text) {
      ledger::Generation generation;
      generation.prompt = id;
      generation.stage = "key";
      generation.model = model;
      generation.reply = {{.sender = chat::Sender::kAssistant, .content = text}};
      return ledger.add(generation);
    };
    ledger.begin_run("run", "small", "name = \"small\"\n");
    ledger.add(ledger::ComparisonRequest{.prompt = id, .stage = "key", .first = reply("a", "Hello."), .second = reply("b", "Hi!")});
    ledger.add_stage_to_run("run", 0, "key");
  }

  TemporaryFolder folder_;
};

TEST_F(AnnotateCommand, WhatIsExportedFilledInAndImportedWaitsNoMore) {
  ASSERT_EQ(run_script("drover annotate export . -o rows.jsonl", folder_).status, 0);
  auto row = nlohmann::ordered_json::parse(read_whole(folder_.path() / "rows.jsonl"));
  row["preferred"] = "first";
  row["level"] = "better";
  for (const std::string person : {"anna", "bert"}) {
    row["annotator"] = person;
    if (person == "bert") row["preferred"] = "second";
    folder_.write(person + ".jsonl", row.dump() + "\n");
    const auto imported = run_script("drover annotate import . " + person + ".jsonl --json", folder_);
    EXPECT_EQ(imported.status, 0) << imported.errors;
    const auto summary = nlohmann::json::parse(imported.output);
    EXPECT_EQ(summary["new"], 1);
    EXPECT_EQ(summary["pending"], 0);
  }
  EXPECT_EQ(run_script("drover annotate export .", folder_).output, "");
  EXPECT_THAT(run_script("drover annotate export . --all", folder_).output, HasSubstr("Say hello."));
  const auto agreement = run_script("drover annotate agreement . --json", folder_);
  EXPECT_EQ(agreement.status, 0) << agreement.errors;
  const auto json = nlohmann::json::parse(agreement.output);
  EXPECT_EQ(json["all"]["pairs"], 1);
  EXPECT_EQ(json["all"]["agreement"], 0.0);
}

TEST_F(AnnotateCommand, BadInputIsOneSentenceAndChangesNothing) {
  folder_.write("rows.jsonl", "{\"request\": \"0000000000000001\"}\n");
  for (const std::string command : {"import . rows.jsonl", "import .", "import . none.jsonl", "exprot .", "export none", "agreement none"}) {
    const auto result = run_script("drover annotate " + command, folder_);
    EXPECT_EQ(result.status, 1) << command;
    EXPECT_EQ(result.num_error_lines(), 1) << result.errors;
  }
  EXPECT_THAT(run_script("drover annotate import . rows.jsonl", folder_).errors, HasSubstr("rows.jsonl, line 1: the ledger holds no request"));
  EXPECT_THAT(run_script("drover annotate export .", folder_).output, HasSubstr("Say hello."));
}

}  // namespace
}  // namespace drover::cli
