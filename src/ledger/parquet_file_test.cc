#include "ledger/parquet_file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "base/error.h"

namespace drover::ledger {
namespace {

using ::testing::HasSubstr;
using chat::Json;

std::filesystem::path test_file() {
  return std::filesystem::path(::testing::TempDir()) / fmt::format("drover {}.parquet", getpid());
}

TEST(ParquetFile, WithoutArrowItSaysWhatToDo) {
  if (has_parquet()) GTEST_SKIP() << "built with Arrow";
  try {
    ParquetWriter writer("some.parquet");
    FAIL();
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("DROVER_ARROW"));
  }
  EXPECT_THROW(read_parquet("some.parquet", [](auto, const auto&) {}), base::UserError);
}

TEST(ParquetFile, GivesBackTheRowsThatWereWritten) {
  if (!has_parquet()) GTEST_SKIP() << "built without Arrow";
  const std::vector<Json> rows = {
      {{"kind", "sample"}, {"id", "00"}, {"sample", 3}, {"ids", {1, 128255}}, {"log_probs", {-0.5, -0.25}},
       {"reply", Json::array({{{"role", "assistant"}, {"content", "Straße \"x\""}}})}},
      {{"kind", "sample"}, {"id", "01"}, {"sample", 4}, {"ids", Json::array()}, {"log_probs", Json::array()},
       {"reply", Json::array()}},
  };
  {
    ParquetWriter writer(test_file());
    for (const auto& row : rows) writer.add(row);
    writer.close();
  }
  std::vector<Json> read;
  read_parquet(test_file(), [&](std::int64_t number, const Json& fact) {
    read.push_back(fact);
    EXPECT_EQ(number, static_cast<std::int64_t>(read.size()));
  });
  EXPECT_EQ(read, rows);
  std::filesystem::remove(test_file());
}

TEST(ParquetFile, WhatIsNoParquetFileIsASentence) {
  if (!has_parquet()) GTEST_SKIP() << "built without Arrow";
  std::ofstream(test_file()) << "This is a letter and no table.";
  EXPECT_THROW(read_parquet(test_file(), [](auto, const auto&) {}), base::UserError);
  std::filesystem::remove(test_file());
  EXPECT_THROW(read_parquet(test_file(), [](auto, const auto&) {}), base::UserError);
}

}  // namespace
}  // namespace drover::ledger
