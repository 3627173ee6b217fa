#include "train/file_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"

namespace drover::train {
namespace {

namespace fs = std::filesystem;

class FileLockTest : public testing::Test {
 protected:
  FileLockTest() { fs::remove(file_); }
  ~FileLockTest() override { fs::remove(file_); }
  fs::path file_ = fs::path(testing::TempDir()) / "drover_file_lock";
};

TEST_F(FileLockTest, IsHeldByOneAndFreeAfterwards) {
  {
    const FileLock first(file_, "runs/a");
    try {
      const FileLock second(file_, "runs/a");
      FAIL() << "two hold one lock";
    } catch (const base::UserError& error) {
      EXPECT_STREQ(error.what(), "Another run is using runs/a. Wait for its end, or give this run a folder of its own.");
    }
  }
  EXPECT_TRUE(fs::exists(file_));
  const FileLock again(file_, "runs/a");
}

TEST_F(FileLockTest, TheFileMayGoWithTheLock) {
  { const FileLock lock(file_, "x", FileLock::Afterwards::kGoes); }
  EXPECT_FALSE(fs::exists(file_));
}

TEST_F(FileLockTest, AFileWhoseFolderIsMissingIsAMatterOfTheSurroundings) {
  EXPECT_THROW(FileLock(file_ / "below" / "lock", "x"), base::SurroundingsError);
}

}  // namespace
}  // namespace drover::train
