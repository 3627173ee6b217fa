#include "train/deterministic.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "train/tiny_training_test.h"

namespace drover::train {
namespace {

using Deterministic = TinyTraining;

TEST_F(Deterministic, ARunAsksForItWhileItLastsAndOnTheCpuItsNumbersAreThoseOfAnyRun) {
  auto options = one_step();
  options.steps = 3;
  const auto plain = train_sft(start_, sft_rows_, options, [](const StepReport&) { EXPECT_FALSE(at::globalContext().deterministicAlgorithms()); });
  options.deterministic = true;
  int steps = 0;
  const auto asked = train_sft(start_, sft_rows_, options, [&steps](const StepReport&) {
    EXPECT_TRUE(at::globalContext().deterministicAlgorithms());
    EXPECT_FALSE(at::globalContext().deterministicAlgorithmsWarnOnly()) << "an operator without a deterministic form ends the run";
    ++steps;
  });
  EXPECT_EQ(steps, 3);
  EXPECT_FALSE(at::globalContext().deterministicAlgorithms());
  EXPECT_EQ(asked->hash(), plain->hash());
}

TEST_F(Deterministic, ARunThatFailsLeavesNoSettingBehind) {
  auto options = one_step();
  options.deterministic = true;
  EXPECT_ANY_THROW(train_sft(start_, sft_rows_, options, [](const StepReport&) { throw 1; }));
  EXPECT_FALSE(at::globalContext().deterministicAlgorithms());
}

TEST(DeterministicAlgorithms, AnOperatorWithoutADeterministicFormIsRecognised) {
  const DeterministicAlgorithms asked(true);
  try {
    at::globalContext().alertNotDeterministic("some_operator");
    FAIL() << "it passed";
  } catch (const c10::Error& error) {
    EXPECT_TRUE(is_about_determinism(error.what())) << error.what();
  }
  EXPECT_FALSE(is_about_determinism("CUDA error: an illegal memory access was encountered"));
}

}  // namespace
}  // namespace drover::train
