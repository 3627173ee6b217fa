#include "chat/dialog_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

namespace drover::chat {
namespace {

class DialogFileTest : public testing::Test {
 protected:
  DialogFileTest() {
    path_ = std::filesystem::temp_directory_path() / ("drover_dialog_file_" + std::to_string(::getpid()) + ".jsonl");
  }
  ~DialogFileTest() override { std::filesystem::remove(path_); }

  void write(std::string_view text) { base::write_file_atomically(path_, text); }
  template <typename Call>
  std::string refusal(const Call& call) {
    try {
      call();
    } catch (const base::UserError& error) {
      std::string text = error.what();
      if (const auto at = text.find(path_.string()); at != std::string::npos) text.replace(at, path_.string().size(), "FILE");
      return text;
    }
    return "not refused";
  }

  std::filesystem::path path_;
};

constexpr std::string_view kGood = R"({"messages": [{"role": "user", "content": "x"}]})";

TEST_F(DialogFileTest, RowsComeWithTheirLines) {
  write(std::string(kGood) + "\n\n  \n" + std::string(kGood) + "\r\n");
  const DialogFile file = read_dialog_file(path_);
  EXPECT_EQ(file.dialogs.size(), 2u);
  EXPECT_EQ(file.lines, (std::vector<std::int64_t>{1, 4}));
  EXPECT_EQ(file.report.shape, RowShape::kMessages);
  EXPECT_EQ(file.report.summary("f"), "f: 2 rows, OpenAI messages");
}

TEST_F(DialogFileTest, StopsAtTheFirstBadRowWithFileLineAndReason) {
  write(std::string(kGood) + "\n{\"messages\": []}\n");
  EXPECT_EQ(refusal([&] { read_dialog_file(path_); }), "FILE, line 2: messages: the list of messages is empty");
}

TEST_F(DialogFileTest, SkipsBadRowsAndSaysSo) {
  write("{\n" + std::string(kGood) + "\n{\"messages\": []}\n");
  const DialogFile file = read_dialog_file(path_, {.on_bad_row = OnBadRow::kSkip});
  EXPECT_EQ(file.lines, (std::vector<std::int64_t>{2}));
  ASSERT_EQ(file.report.bad_rows.size(), 2u);
  EXPECT_EQ(file.report.bad_rows[1].line, 3);
  EXPECT_EQ(file.report.summary("f"), "f: 1 row, OpenAI messages; 2 rows skipped (first: line 1: the line is not JSON at byte 1: it ends too early)");
}

TEST_F(DialogFileTest, ARowOfAnotherShapeIsBad) {
  write(std::string(kGood) + "\n{\"conversations\": [{\"from\": \"human\", \"value\": \"x\"}]}\n");
  EXPECT_EQ(refusal([&] { read_dialog_file(path_); }), "FILE, line 2: a row of another shape: ShareGPT conversations in a file of OpenAI messages");
}

TEST_F(DialogFileTest, ARowThatIsSkippedDoesNotDecideTheShape) {
  write("{\"conversations\": []}\n" + std::string(kGood) + "\n{\"prompt\": \"x\"}\n" + std::string(kGood) + "\n");
  const DialogFile file = read_dialog_file(path_, {.on_bad_row = OnBadRow::kSkip});
  EXPECT_EQ(file.lines, (std::vector<std::int64_t>{2, 4}));
  EXPECT_EQ(file.report.shape, RowShape::kMessages);
  ASSERT_EQ(file.report.bad_rows.size(), 2u);
  EXPECT_EQ(file.report.bad_rows[1].reason, "a row of another shape: prompts alone in a file of OpenAI messages");
}

TEST_F(DialogFileTest, AFileWithoutRowsIsRefused) {
  write("\n");
  EXPECT_EQ(refusal([&] { read_dialog_file(path_); }), "FILE holds no rows that can be read: the file is empty");
  write("[]\n[]\n");
  EXPECT_EQ(refusal([&] { read_dialog_file(path_, {.on_bad_row = OnBadRow::kSkip}); }),
            "FILE holds no rows that can be read: all 2 rows are bad; line 1: a row must be a JSON object, found a list");
}

TEST_F(DialogFileTest, NamedKeysArePassedOver) {
  write(R"({"messages": [{"role": "user", "content": "x"}], "source": "web", "id": 7})" "\n");
  EXPECT_EQ(refusal([&] { read_dialog_file(path_); }), "FILE, line 1: unknown key \"source\"");
  EXPECT_EQ(read_dialog_file(path_, {.ignored_keys = {"source"}}).dialogs.size(), 1u);
}

TEST_F(DialogFileTest, CallersRefuseRowsInTheSameWay) {
  write(std::string(kGood) + "\n");
  EXPECT_EQ(refusal([&] {
              for_each_dialog(path_, {}, [](std::int64_t, const Dialog&) { throw base::UserError("nothing to learn"); });
            }),
            "FILE, line 1: nothing to learn");
}

TEST_F(DialogFileTest, AFileThatCannotBeMadeIsReportedWithItsCause) {
  try {
    write_dialog_file(path_.string() + ".missing/x.jsonl", {});
    FAIL() << "a file in a folder that does not exist was written";
  } catch (const base::SurroundingsError& error) {
    EXPECT_NE(std::string_view(error.what()).find("No such file or directory"), std::string_view::npos) << error.what();
  }
}

TEST_F(DialogFileTest, ForeignKeysAreShownShortAndHarmless) {
  const std::string row = R"({"messages": [{"role": "user", "content": "x"}], "\u001b[2J)" + std::string(100000, 'k') + "\": 1}";
  write(row);
  const auto text = refusal([&] { read_dialog_file(path_); });
  EXPECT_LT(text.size(), 400U);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  const std::string twice = R"({"messages": 1, "\u001b[2J": 1, "\u001b[2J": 2})";
  write(twice);
  EXPECT_EQ(refusal([&] { read_dialog_file(path_); }).find('\x1b'), std::string::npos);
}

TEST_F(DialogFileTest, WrittenFilesAreReadBack) {
  const std::vector<Dialog> dialogs = {{.messages = {{.sender = Sender::kUser, .content = "a\nb"}}},
                                       {.messages = {{.sender = Sender::kAssistant, .content = "\xF0\x9F\x9A\x80", .ending = Ending::kCut}}}};
  write_dialog_file(path_, dialogs);
  EXPECT_TRUE(read_dialog_file(path_).dialogs == dialogs);
  const std::vector<PreferenceRow> rows = {parse_preference_row(R"({"prompt": "q", "chosen": "a", "rejected": "b"})")};
  write_preference_file(path_, rows);
  const PreferenceFile file = read_preference_file(path_);
  EXPECT_TRUE(file.rows == rows);
  EXPECT_EQ(file.report.shape, RowShape::kRankedResponses);
}

}  // namespace
}  // namespace drover::chat
