#include "train/step_log.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "base/file.h"

namespace drover::train {
namespace {

std::string line(int step, double loss) { return "{\"step\":" + std::to_string(step) + ",\"loss\":" + std::to_string(loss) + "}\n"; }

class StepLogTest : public testing::Test {
 protected:
  ~StepLogTest() override { std::filesystem::remove(path_); }

  /// The file after a run that goes on after step 2, of loss 0.5, wrote step 3.
  std::string after(const std::string& before) const {
    base::write_file_atomically(path_, before);
    StepLog log(path_);
    log.go_on_after(2, 0.5);
    log.add(line(3, 9));
    return base::read_file(path_);
  }

  std::filesystem::path path_ = std::filesystem::path(testing::TempDir()) / "drover_step_log.jsonl";
};

TEST_F(StepLogTest, StepsThatAreTakenAgainAreRemoved) {
  const auto kept = line(1, 1) + line(2, 0.5);
  EXPECT_EQ(after(kept + line(3, 0.25) + line(4, 0.125)), kept + line(3, 9));
  EXPECT_EQ(after(kept), kept + line(3, 9));
}

TEST_F(StepLogTest, ALineThatAKillCutShortGoesToo) {
  const auto kept = line(1, 1) + line(2, 0.5);
  EXPECT_EQ(after(kept + line(3, 0.25) + "{\"step\":4,\"lo"), kept + line(3, 9));
}

TEST_F(StepLogTest, LinesOfOtherRunsStay) {
  const auto other = line(1, 7) + line(2, 6) + line(3, 5);
  EXPECT_EQ(after(other), other + line(3, 9)) << "step 2 had another loss there";
  const auto own = line(1, 1) + line(2, 0.5);
  EXPECT_EQ(after(other + own + line(3, 0.25)), other + own + line(3, 9));
  EXPECT_EQ(after(own + line(3, 0.25) + other), own + line(3, 0.25) + other + line(3, 9)) << "another run wrote into it since";
  EXPECT_EQ(after("notes\n"), "notes\n" + line(3, 9));
}

TEST_F(StepLogTest, ANewLineBeginsBehindOneThatWasCutShort) {
  base::write_file_atomically(path_, "{\"step\":4,\"lo");
  StepLog(path_).add(line(1, 1));
  EXPECT_EQ(base::read_file(path_), "{\"step\":4,\"lo\n" + line(1, 1));
}

TEST_F(StepLogTest, AFolderIsRefused) { EXPECT_THROW(StepLog(std::filesystem::path(testing::TempDir())), base::UserError); }

}  // namespace
}  // namespace drover::train
