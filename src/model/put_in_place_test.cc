#include "model/put_in_place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

namespace drover::model {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class PutInPlace : public testing::Test {
 protected:
  PutInPlace() {
    fs::create_directories(folder_ / "made");
    base::write_file_atomically(folder_ / "made/file", "new");
  }
  ~PutInPlace() override { fs::remove_all(folder_); }

  fs::path folder_ = fs::temp_directory_path() / fmt::format("drover-put-in-place-{}", getpid());
};

TEST_F(PutInPlace, AFolderAppearsOrTakesThePlaceOfAnother) {
  put_in_place(folder_ / "made", folder_ / "target");
  EXPECT_EQ(base::read_file(folder_ / "target/file"), "new");
  fs::create_directories(folder_ / "made");
  base::write_file_atomically(folder_ / "made/other", "newer");
  put_in_place(folder_ / "made", folder_ / "target");
  EXPECT_EQ(base::read_file(folder_ / "target/other"), "newer");
  EXPECT_FALSE(fs::exists(folder_ / "target/file"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1) << "nothing else stays";
}

TEST_F(PutInPlace, WhatCannotBePutThereIsKeptAndSoIsWhatStoodThere) {
  // No folder can be renamed into itself.
  fs::create_directories(folder_ / "made/target");
  base::write_file_atomically(folder_ / "made/target/file", "old");
  try {
    put_in_place(folder_ / "made", folder_ / "made/target");
    FAIL() << "renamed into itself";
  } catch (const base::SurroundingsError& error) {
    EXPECT_THAT(error.what(), HasSubstr("It is whole, and kept as '" + (folder_ / "made").string() + "'"));
  }
  EXPECT_EQ(base::read_file(folder_ / "made/file"), "new");
  EXPECT_EQ(base::read_file(folder_ / "made/target/file"), "old");
}

TEST_F(PutInPlace, WhatIsKeptHasANameThatIsSeen) {
  fs::rename(folder_ / "made", folder_ / ".made.partial");
  try {
    put_in_place(folder_ / ".made.partial", folder_ / ".");
    FAIL() << "'.' was renamed";
  } catch (const base::SurroundingsError& error) {
    const auto seen = folder_ / fmt::format("..{}", getpid());
    EXPECT_THAT(error.what(), HasSubstr("kept as '" + seen.string() + "'"));
    EXPECT_EQ(base::read_file(seen / "file"), "new");
  }
}

}  // namespace
}  // namespace drover::model
