#include "train/result_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/error.h"

namespace drover::train {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ResultFolderTest : public testing::Test {
 protected:
  ResultFolderTest() {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "start");
    std::ofstream(folder_ / "start/config.json") << "{}";
  }
  ~ResultFolderTest() override { fs::remove_all(folder_); }

  BesideResult beside(const fs::path& checkpoints = {}) const { return {.sources = {{"the start model", folder_ / "start"}}, .checkpoints = checkpoints}; }

  std::string refusal(const fs::path& target, const fs::path& checkpoints = {}) const { return refusal(target, beside(checkpoints)); }

  static std::string refusal(const fs::path& target, const BesideResult& beside) {
    try {
      const ResultFolder result(target, beside);
    } catch (const base::Error& error) {
      return error.what();
    }
    return "taken";
  }

  fs::path folder_ = fs::path(testing::TempDir()) / "drover_result_folder";
};

TEST_F(ResultFolderTest, HoldsItsPlaceAndLeavesNothingBehind) {
  {
    const ResultFolder result(folder_ / "runs/out", beside());
    EXPECT_THAT(refusal(folder_ / "runs/out/"), HasSubstr("Another run is using"));
    EXPECT_EQ(refusal(folder_ / "runs/other"), "taken");
  }
  EXPECT_EQ(refusal(folder_ / "runs/out"), "taken");
  EXPECT_TRUE(fs::is_empty(folder_ / "runs"));
}

TEST_F(ResultFolderTest, GivesAPlaceBesideItsOwnWhenThatIsTakenMeanwhile) {
  const ResultFolder result(folder_ / "out/", beside());
  EXPECT_EQ(result.place(), folder_ / "out/");
  fs::create_directory(folder_ / "out");
  EXPECT_EQ(result.place(), folder_ / "out/") << "it is empty";
  std::ofstream(folder_ / "out/notes") << "x";
  EXPECT_EQ(result.place(), fs::canonical(folder_) / fmt::format("out.{}", getpid()));
}

TEST_F(ResultFolderTest, RefusesWhatCouldNotBeWrittenAtTheEnd) {
  std::ofstream(folder_ / "file") << "x";
  EXPECT_THAT(refusal(folder_ / "file"), HasSubstr("is a file"));
  EXPECT_THAT(refusal(folder_), HasSubstr("holds other files than a model"));
  EXPECT_THAT(refusal(folder_ / "file/out"), HasSubstr("cannot be made for the result"));
}

TEST_F(ResultFolderTest, AModelDoesNotReplaceAnAdapterNorTheOtherWayRound) {
  fs::create_directories(folder_ / "model");
  std::ofstream(folder_ / "model/config.json") << "{}";
  fs::create_directories(folder_ / "adapter");
  std::ofstream(folder_ / "adapter/adapter_config.json") << "{}";
  const auto take = [&](const char* name, bool is_adapter) { const ResultFolder result(folder_ / name, beside(), is_adapter); };
  EXPECT_NO_THROW(take("model", false));
  EXPECT_NO_THROW(take("adapter", true));
  EXPECT_THROW(take("model", true), base::UserError);
  EXPECT_THROW(take("adapter", false), base::UserError);
}

TEST_F(ResultFolderTest, RefusesTheStartModelByWhateverName) {
  EXPECT_THAT(refusal(folder_ / "start"), HasSubstr("is where the start model stands"));
  EXPECT_THAT(refusal(folder_ / "other/../start/"), HasSubstr("is where the start model stands"));
  fs::create_directory_symlink(folder_ / "start", folder_ / "link");
  EXPECT_THAT(refusal(folder_ / "link"), HasSubstr("is where the start model stands"));
}

TEST_F(ResultFolderTest, RefusesCheckpointsThatItWouldReplace) {
  EXPECT_THAT(refusal(folder_ / "out", folder_ / "out/saved"), HasSubstr("get into each other's way"));
  EXPECT_THAT(refusal(folder_ / "out", folder_ / "out"), HasSubstr("get into each other's way"));
  EXPECT_THAT(refusal(folder_ / "saved/out", folder_ / "saved"), HasSubstr("get into each other's way"));
  EXPECT_EQ(refusal(folder_ / "out", folder_ / "out2"), "taken");
}

TEST_F(ResultFolderTest, RefusesLogsThatItWouldReplace) {
  const auto with_log = [&](const fs::path& log) { return BesideResult{.sources = {}, .logs = {{"The log", {}}, {"The log", log}}}; };
  for (const char* log : {"runs/out/run.jsonl", "runs/out", "runs/other/../out/events/"}) {
    EXPECT_THAT(refusal(folder_ / "runs/out", with_log(folder_ / log)), HasSubstr("which the result replaces as a whole")) << log;
  }
  EXPECT_EQ(refusal(folder_ / "runs/out", with_log(folder_ / "runs")), "taken") << "events beside results are common";
  EXPECT_EQ(refusal(folder_ / "runs/out", with_log(folder_ / "runs/out.jsonl")), "taken");
}

}  // namespace
}  // namespace drover::train
