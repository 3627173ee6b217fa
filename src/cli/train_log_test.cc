// What `drover train` says of an abnormal step.
#include "cli/train_log.h"

#include <gmock/gmock.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <optional>
#include <string>

#include "base/error.h"
#include "cli/drover_process_test.h"
#include "cli/json_output.h"

namespace drover::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class AbnormalBatch : public testing::Test {
 protected:
  /// What is said on standard error after a step whose loss and gradient norm lie this far above those before.
  std::string said(std::optional<double> loss_z, std::optional<double> grad_norm_z = {}) {
    TrainArguments arguments;
    arguments.kind = "sft";
    arguments.data = "dialogs.jsonl";
    TrainRows rows;
    rows.lines = {3, 7, 9, 12};
    TrainLog log(arguments, rows);
    testing::internal::CaptureStderr();
    testing::internal::CaptureStdout();
    log.add({.step = 20, .total_steps = 40, .loss = 9.25, .grad_norm = 70, .loss_z = loss_z, .grad_norm_z = grad_norm_z, .row_indices = {2, 0, 2}, .metrics = {}});
    flush_output();
    testing::internal::GetCapturedStdout();
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(AbnormalBatch, NamesTheLinesOfItsRows) {
  EXPECT_EQ(said(6.2), "step 20: the loss 9.25 lies 6.2 standard deviations above the steps before; its rows stand in line 3, 9 of dialogs.jsonl\n");
}

TEST_F(AbnormalBatch, IsAlsoOneWhoseGradientIsFiveDeviationsLarge) {
  EXPECT_EQ(said(1.0, 8.13), "step 20: the gradient norm 70 lies 8.1 standard deviations above the steps before; its rows stand in line 3, 9 of dialogs.jsonl\n");
  EXPECT_EQ(said(6.2, 5.0), "step 20: the loss 9.25 lies 6.2 standard deviations above the steps before, and the gradient norm 70 lies 5.0 standard "
                            "deviations above the steps before; its rows stand in line 3, 9 of dialogs.jsonl\n");
  EXPECT_THAT(said(1.0, 4.9), IsEmpty());
  EXPECT_THAT(said(1.0, -9.0), IsEmpty());
}

TEST_F(AbnormalBatch, IsOneWhoseLossIsFiveDeviationsHigh) {
  EXPECT_THAT(said(5.0), HasSubstr("step 20: the loss 9.25"));
  EXPECT_THAT(said(4.9), IsEmpty());
  EXPECT_THAT(said(-9.0), IsEmpty()) << "a low loss is no matter of concern";
  EXPECT_THAT(said(std::nullopt), IsEmpty()) << "too few steps came before";
}

/// While it lives no file grows beyond so many bytes, as on a disk that is full, and standard error goes nowhere.
class FullDisk {
 public:
  explicit FullDisk(rlim_t most) : ignored_(std::signal(SIGXFSZ, SIG_IGN)), errors_(dup(STDERR_FILENO)) {
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDERR_FILENO);
    close(nowhere);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{.rlim_cur = most, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    dup2(errors_, STDERR_FILENO);
    close(errors_);
    std::signal(SIGXFSZ, ignored_);
  }

 private:
  void (*ignored_)(int);
  int errors_;
  rlimit before_{};
};

TEST(TrainLog, AFullDiskWhenARunGoesOnDoesNotEndIt) {
  const TemporaryFolder folder;
  TrainArguments arguments;
  arguments.kind = "sft";
  arguments.tensorboard = (folder.path() / "events").string();
  const TrainRows rows{};
  TrainLog log(arguments, rows);
  const auto events = std::filesystem::directory_iterator(arguments.tensorboard)->path();
  {
    const FullDisk full(std::filesystem::file_size(events));
    EXPECT_NO_THROW(log.begin({.steps = 4, .steps_done = 2}));
  }
  EXPECT_THROW(log.finish(), base::SurroundingsError) << "it is told at the end";
}

}  // namespace
}  // namespace drover::cli
