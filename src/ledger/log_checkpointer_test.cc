#include "ledger/log_checkpointer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace drover::ledger {
namespace {

namespace fs = std::filesystem;

class LogCheckpointerTest : public ::testing::Test {
 protected:
  LogCheckpointerTest() { fs::create_directories(folder_); }
  ~LogCheckpointerTest() override { fs::remove_all(folder_); }

  /// Commits enough that the log is larger than the file.
  static void write_much(Ledger& ledger, int first) {
    Ledger::Batch batch(ledger);
    for (int i = first; i < first + 2000; ++i) {
      Prompt prompt;
      prompt.dialog.messages.push_back({.content = "prompt " + std::to_string(i) + std::string(500, 'x')});
      ledger.add(prompt);
    }
    batch.commit();
  }

  bool grows_beyond(std::uintmax_t size, std::chrono::seconds patience) const {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < until) {
      if (fs::file_size(file_) > size) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  fs::path folder_ = fs::path(::testing::TempDir()) / ("drover-log-checkpointer-" + std::to_string(getpid()));
  fs::path file_ = folder_ / "ledger.sqlite";
};

TEST_F(LogCheckpointerTest, CopiesWhatAnotherConnectionHasCommittedIntoTheFile) {
  Ledger writer(file_, Ledger::OpenMode::kCreate);
  writer.let_log_grow();
  LogCheckpointer checkpointer(file_);
  const auto before = fs::file_size(file_);
  write_much(writer, 0);
  EXPECT_EQ(fs::file_size(file_), before) << "the writer leaves it to others";
  checkpointer.want();
  EXPECT_TRUE(grows_beyond(before, std::chrono::seconds(20)));
  const auto copied = fs::file_size(file_);
  write_much(writer, 2000);
  checkpointer.want();  // within its pause: done after it
  EXPECT_TRUE(grows_beyond(copied, std::chrono::seconds(20)));
}

TEST_F(LogCheckpointerTest, EndsAtOnceAlsoInItsPause) {
  Ledger writer(file_, Ledger::OpenMode::kCreate);
  for (int i = 0; i < 20; ++i) {
    LogCheckpointer checkpointer(file_);
    checkpointer.want();
  }
}

}  // namespace
}  // namespace drover::ledger
