// What `drover train` says of an abnormal step.
#include "cli/train_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "cli/json_output.h"

namespace drover::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class AbnormalBatch : public testing::Test {
 protected:
  /// What is said on standard error after a step whose loss lies this far above those before.
  std::string said(std::optional<double> loss_z) {
    TrainArguments arguments;
    arguments.kind = "sft";
    arguments.data = "dialogs.jsonl";
    TrainRows rows;
    rows.lines = {3, 7, 9, 12};
    TrainLog log(arguments, rows);
    testing::internal::CaptureStderr();
    testing::internal::CaptureStdout();
    log.add({.step = 20, .total_steps = 40, .loss = 9.25, .loss_z = loss_z, .row_indices = {2, 0, 2}, .metrics = {}});
    flush_output();
    testing::internal::GetCapturedStdout();
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(AbnormalBatch, NamesTheLinesOfItsRows) {
  EXPECT_EQ(said(6.2), "step 20: the loss 9.25 lies 6.2 standard deviations above the steps before; its rows stand in line 3, 9 of dialogs.jsonl\n");
}

TEST_F(AbnormalBatch, IsOneWhoseLossIsFiveDeviationsHigh) {
  EXPECT_THAT(said(5.0), HasSubstr("step 20: the loss 9.25"));
  EXPECT_THAT(said(4.9), IsEmpty());
  EXPECT_THAT(said(-9.0), IsEmpty()) << "a low loss is no matter of concern";
  EXPECT_THAT(said(std::nullopt), IsEmpty()) << "too few steps came before";
}

}  // namespace
}  // namespace drover::cli
