// `drover import` into a home folder that is not there yet: it appears with the facts or not at all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "cli/drover_process_test.h"

namespace drover::cli {
namespace {

using ::testing::HasSubstr;

const std::string kSource = R"({"kind": "source", "name": "letters", "licence": "CC0-1.0"})" "\n";

TEST(NewHome, AFileThatDoesNotExistLeavesNoHomeBehind) {
  const TemporaryFolder folder;
  const auto result = run_script("drover import runs/new mistyped.jsonl", folder);
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.num_error_lines(), 1) << result.errors;
  EXPECT_THAT(result.errors, HasSubstr("mistyped.jsonl"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "runs")) << "neither the home nor the folders above it";
}

TEST(NewHome, ABadLineLeavesNoHomeBehind) {
  const TemporaryFolder folder;
  folder.write("first.jsonl", "not JSON\n");
  folder.write("unknown.jsonl", R"({"kind": "weather"})" "\n");
  folder.write("second.jsonl", kSource + "not JSON\n");
  for (const std::string file : {"first.jsonl", "unknown.jsonl", "second.jsonl"}) {
    const auto result = run_script("drover import new/ " + file, folder);
    EXPECT_EQ(result.status, 1) << file;
    EXPECT_THAT(result.errors, HasSubstr(file + ", line " + (file == "second.jsonl" ? "2" : "1")));
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "new")) << file;
  }
}

TEST(NewHome, WhatWasThereBeforeStays) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder.path() / "empty");
  EXPECT_EQ(run_script("drover import empty mistyped.jsonl", folder).status, 1);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "empty")) << "the folder stays, without a ledger";
  folder.write("good.jsonl", kSource);
  ASSERT_EQ(run_script("drover import runs/home good.jsonl", folder).status, 0);
  EXPECT_EQ(run_script("drover import runs/home mistyped.jsonl", folder).status, 1);
  const auto exported = run_script("drover export runs/home --what sources", folder);
  EXPECT_EQ(exported.status, 0) << exported.errors;
  EXPECT_THAT(exported.output, HasSubstr("letters"));
}

TEST(NewHome, AFileInItsPlaceIsTheUsersMistake) {
  const TemporaryFolder folder;
  folder.write("home", "a letter");
  folder.write("good.jsonl", kSource);
  const auto result = run_script("drover import home good.jsonl", folder);
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.errors, HasSubstr("'home' is a file"));
  EXPECT_EQ(read_whole(folder.path() / "home"), "a letter");
}

}  // namespace
}  // namespace drover::cli
