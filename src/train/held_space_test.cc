#include "train/held_space.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"

namespace drover::train {
namespace {

namespace fs = std::filesystem;

class HeldSpaceTest : public testing::Test {
 protected:
  HeldSpaceTest() { fs::create_directories(folder_); }
  ~HeldSpaceTest() override { fs::remove_all(folder_); }

  std::int64_t left() const { return static_cast<std::int64_t>(fs::space(folder_).available); }

  fs::path folder_ = fs::path(testing::TempDir()) / "drover_held_space";
};

TEST_F(HeldSpaceTest, IsTakenUntilItIsGivenBackAndHasNoName) {
  constexpr std::int64_t kBytes = 256 << 20;
  const int probe = ::open(folder_.c_str(), O_TMPFILE | O_RDWR, 0600);
  if (probe < 0) GTEST_SKIP() << "this file system has no files without a name";
  const bool can_hold = ::fallocate(probe, 0, 0, 4096) == 0;
  ::close(probe);
  if (!can_hold) GTEST_SKIP() << "this file system cannot hold space back";
  const auto before = left();
  {
    const HeldSpace space(folder_, kBytes);
    EXPECT_LT(left(), before - kBytes / 2);  // other programs write meanwhile
    EXPECT_TRUE(fs::is_empty(folder_));
  }
  EXPECT_GT(left(), before - kBytes / 2);
}

TEST_F(HeldSpaceTest, RefusesWhatTheDiskDoesNotHave) {
  try {
    const HeldSpace space(folder_, left() * 2);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.exit_status(), base::ExitStatus::kSurroundings);
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("The result needs"), testing::HasSubstr(folder_.string()), testing::HasSubstr("are left")));
  }
  EXPECT_TRUE(fs::is_empty(folder_));
}

}  // namespace
}  // namespace drover::train
