#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <vector>

#include "base/content_hash.h"
#include "base/error.h"
#include "base/mapped_file.h"

namespace drover::base {
namespace {

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              ("drover_file_test_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(FileTest, AtomicWriteReplacesTheContentAndLeavesNothingElse) {
  const auto path = folder_ / "a.txt";
  write_file_atomically(path, "old");
  write_file_atomically(path, "new");
  EXPECT_EQ(read_file(path), "new");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(FileTest, AbandonedAtomicFileKeepsTheOldContent) {
  const auto path = folder_ / "a.txt";
  write_file_atomically(path, "old");
  {
    AtomicFile file(path);
    std::ofstream(file.stream_path()) << "half";
  }
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(FileTest, LinesAreNumberedFromOneAndEndAtNewlineOnly) {
  write_file_atomically(folder_ / "l", "a\r\n\nb\xE2\x80\xA8" "c\nlast");
  std::vector<std::pair<std::int64_t, std::string>> lines;
  for_each_line(folder_ / "l", [&](std::int64_t number, std::string_view line) { lines.emplace_back(number, line); });
  const std::vector<std::pair<std::int64_t, std::string>> expected = {{1, "a"}, {2, ""}, {3, "b\xE2\x80\xA8" "c"}, {4, "last"}};
  EXPECT_EQ(lines, expected);
}

TEST_F(FileTest, LongLinesComeWhole) {
  // Around the size of the parts in which they are read.
  for (const std::size_t length : {16382, 16383, 16384, 32766, 1 << 20}) {
    const std::string text(length, 'x');
    write_file_atomically(folder_ / "l", text + "\n" + text + std::string("\0y", 2));
    std::vector<std::string> lines;
    for_each_line(folder_ / "l", [&](std::int64_t, std::string_view line) { lines.emplace_back(line); });
    EXPECT_EQ(lines, (std::vector<std::string>{text, text + std::string("\0y", 2)})) << length;
  }
}

TEST_F(FileTest, ALineWithoutEndIsRefused) {
  EXPECT_THROW(for_each_line("/dev/zero", [](std::int64_t, std::string_view) {}), UserError);
}

TEST_F(FileTest, MissingFileAndFolderAreTheUsersErrors) {
  EXPECT_THROW(MappedFile(folder_ / "missing"), UserError);
  EXPECT_THROW(MappedFile{folder_}, UserError);
  EXPECT_THROW(for_each_line(folder_, [](std::int64_t, std::string_view) {}), UserError);
}

TEST_F(FileTest, ANamedPipeIsRefusedWithoutWaitingForAWriter) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_THROW(MappedFile(folder_ / "pipe"), UserError);
}

TEST_F(FileTest, EmptyFileMapsToNoBytes) {
  write_file_atomically(folder_ / "empty", "");
  const MappedFile file(folder_ / "empty");
  EXPECT_TRUE(file.bytes().empty());
}

// xxhsum -H2 of the empty input and of "abc".
TEST(ContentHash, IsXxh3With128Bits) {
  EXPECT_EQ(content_hash(std::string_view("")).hex(), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(content_hash(std::string_view("abc")).hex(), "06b05ab6733a618578af5f94892f3950");
}

TEST(FieldHasher, KeepsFieldBoundaries) {
  EXPECT_NE(FieldHasher().add("ab").add("c").finish(), FieldHasher().add("a").add("bc").finish());
}

}  // namespace
}  // namespace drover::base
