// Where a command is asked to write into a folder that does not exist: the user's mistake, said before any work is done.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "cli/drover_process_test.h"
#include "ledger/ledger.h"

namespace drover::cli {
namespace {

using ::testing::HasSubstr;

TEST(OutputFile, AMissingFolderIsOneSentenceOfEveryCommandAndStatus1) {
  const TemporaryFolder folder;
  { ledger::Ledger ledger(folder.path() / "ledger.sqlite", ledger::Ledger::OpenMode::kCreate); }
  folder.write("rows.jsonl", R"({"messages": [{"role": "user", "content": "a?"}, {"role": "assistant", "content": "A."}]})" "\n");
  // The models are named as if they were there: the output is looked at before they are.
  for (const std::string command :
       {"export . -o missing/x.jsonl", "export . -o missing/x.parquet", "annotate export . -o missing/x.jsonl", "report . --output missing/x.html",
        "curate rows.jsonl -o missing/x.jsonl", "curate rows.jsonl -o kept.jsonl --decisions missing/x.jsonl",
        "evaluate some-model arithmetic -o missing/x.jsonl", "generate some-model rows.jsonl -o missing/x.jsonl",
        "inspect some-model rows.jsonl --html missing/x.html"}) {
    SCOPED_TRACE(command);
    const auto result = run_script("drover " + command, folder);
    EXPECT_EQ(result.status, 1);
    EXPECT_EQ(result.num_error_lines(), 1) << result.errors;
    EXPECT_THAT(result.errors, HasSubstr("There is no folder 'missing'"));
    EXPECT_THAT(result.errors, HasSubstr("make it first"));
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "missing"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "kept.jsonl"));
}

TEST(OutputFile, AFolderInItsPlaceIsTheUsersMistakeToo) {
  const TemporaryFolder folder;
  { ledger::Ledger ledger(folder.path() / "ledger.sqlite", ledger::Ledger::OpenMode::kCreate); }
  const auto result = run_script("mkdir there; drover export . -o there", folder);
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.errors, HasSubstr("'there' is a folder"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "there"));
}

TEST(OutputFile, ADryRunOfCurateNeedsNone) {
  const TemporaryFolder folder;
  folder.write("rows.jsonl", R"({"messages": [{"role": "user", "content": "a?"}, {"role": "assistant", "content": "A."}]})" "\n");
  EXPECT_EQ(run_script("drover curate rows.jsonl -o missing/x.jsonl --dry-run", folder).status, 0);
}

}  // namespace
}  // namespace drover::cli
