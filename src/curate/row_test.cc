#include "curate/row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "curate/dialog_test.h"

namespace drover::curate {
namespace {

using ::testing::HasSubstr;

class RowFileTest : public testing::Test {
 protected:
  RowFileTest()
      : path_(std::filesystem::temp_directory_path() / ("drover_rows_" + std::to_string(::getpid()) + ".jsonl")) {}
  ~RowFileTest() override { std::filesystem::remove(path_); }
  RowFile read(const std::string& text, chat::OnBadRow on_bad_row = chat::OnBadRow::kStop) {
    base::write_file_atomically(path_, text);
    return read_rows(path_, on_bad_row, "here");
  }
  std::string refusal(const std::string& text) {
    try {
      read(text);
    } catch (const base::UserError& error) {
      return error.what();
    }
    return "not refused";
  }
  std::filesystem::path path_;
};

constexpr const char* kMessages =
    R"("messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}])";

TEST_F(RowFileTest, WrittenRowsAreReadBack) {
  const Row row{.dialog = asked("q", "a"),
                .reward = -1.5,
                .quality = 2,
                .difficulty = 3,
                .intentions = {{"x", "y"}},
                .capability = "code",
                .source = "s",
                .topic = "t",
                .subtopic = "u"};
  const auto file = read(row_line(row) + "\n{" + kMessages + "}\n");
  ASSERT_EQ(file.rows.size(), 2U);
  EXPECT_EQ(file.rows[0].dialog, row.dialog);
  EXPECT_EQ(file.rows[0].reward, -1.5);
  EXPECT_EQ(file.rows[0].quality, 2);
  EXPECT_EQ(file.rows[0].difficulty, 3);
  EXPECT_EQ(file.rows[0].intentions, row.intentions);
  EXPECT_EQ(file.rows[0].capability, "code");
  EXPECT_EQ(file.rows[0].source, "s");
  EXPECT_EQ(file.rows[0].topic, "t");
  EXPECT_EQ(file.rows[0].subtopic, "u");
  EXPECT_EQ(file.rows[1].source, "here") << "the source of rows that name none";
  EXPECT_EQ(file.rows[1].reward, std::nullopt);
}

TEST_F(RowFileTest, FieldsOfAnotherKindAreRefusedWithTheirLine) {
  const std::string messages = kMessages;
  EXPECT_THAT(refusal("{" + messages + R"(, "reward": "high"})"),
              HasSubstr("line 1: reward: expected a number, found a text"));
  EXPECT_THAT(refusal("{" + messages + R"(, "quality": 4})"), HasSubstr("quality: 4 is not from 0 to 3"));
  EXPECT_THAT(refusal("{" + messages + R"(, "difficulty": 0})"), HasSubstr("difficulty"));
  EXPECT_THAT(refusal("{" + messages + R"(, "intentions": [1]})"), HasSubstr("intentions: expected a list of texts"));
  EXPECT_THAT(refusal("{" + messages + R"(, "capability": 1})"), HasSubstr("capability"));
  EXPECT_THAT(refusal("{" + messages + R"(, "rewards": 1})"), HasSubstr("rewards"));
}

TEST_F(RowFileTest, BadRowsCanBeSkipped) {
  const auto file = read(std::string("{") + kMessages + "}\n{\"a\": 1}\n", chat::OnBadRow::kSkip);
  EXPECT_EQ(file.rows.size(), 1U);
  ASSERT_EQ(file.report.bad_rows.size(), 1U);
  EXPECT_EQ(file.report.bad_rows[0].line, 2);
}

}  // namespace
}  // namespace drover::curate
