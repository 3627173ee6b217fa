#include "base/output_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "base/file.h"

namespace drover::base {
namespace {

using ::testing::HasSubstr;

class OutputFileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              ("drover_output_file_test_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::string refusal(const std::filesystem::path& file) {
    try {
      check_output_file(file);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no refusal";
  }

  std::filesystem::path folder_;
};

TEST_F(OutputFileTest, AFolderThatDoesNotExistIsNamedWithWhatToTry) {
  const auto message = refusal(folder_ / "missing" / "x.jsonl");
  EXPECT_THAT(message, HasSubstr("There is no folder '" + (folder_ / "missing").string() + "'"));
  EXPECT_THAT(message, HasSubstr("mkdir -p"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "missing"));
}

TEST_F(OutputFileTest, AFolderInPlaceOfAFileIsRefused) {
  EXPECT_THAT(refusal(folder_), HasSubstr("is a folder"));
  EXPECT_THAT(refusal(folder_ / ""), HasSubstr("is a folder")) << "with a slash at its end";
  EXPECT_THAT(refusal(""), HasSubstr("empty"));
}

TEST_F(OutputFileTest, AFileInPlaceOfTheFolderIsRefused) {
  write_file_atomically(folder_ / "file", "x");
  EXPECT_THAT(refusal(folder_ / "file" / "x.jsonl"), HasSubstr("is a file, not a folder"));
}

TEST_F(OutputFileTest, NewAndOldFilesPipesAndStandardOutputArePossible) {
  write_file_atomically(folder_ / "old", "x");
  EXPECT_NO_THROW(check_output_file(folder_ / "old"));
  EXPECT_NO_THROW(check_output_file(folder_ / "new"));
  EXPECT_NO_THROW(check_output_file("new"));
  EXPECT_NO_THROW(check_output_file("-"));
  EXPECT_NO_THROW(check_output_file("/dev/stdout"));
}

}  // namespace
}  // namespace drover::base
