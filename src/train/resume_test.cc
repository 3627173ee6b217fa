#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "train/tiny_training_test.h"

namespace drover::train {
namespace {

using testing::HasSubstr;
using Resume = TinyTraining;

/// What stops a run in a test, as a signal does.
struct Stopped {};

TEST_F(Resume, AResumedRunRepeatsTheUninterruptedOneBitForBit) {
  DpoOptions options{.train = {.learning_rate = 1e-3, .schedule = {.warmup_steps = 2}, .steps = 9, .rows_per_step = 2, .seed = 3}};
  std::vector<StepReport> whole;
  const auto expected = train_dpo(start_, dpo_rows_, options, [&whole](const StepReport& report) { whole.push_back(report); });

  options.train.checkpoint_folder = folder_;
  options.train.checkpoint_every = 2;
  std::vector<StepReport> parts;
  EXPECT_THROW(train_dpo(start_, dpo_rows_, options,
                         [](const StepReport& report) {
                           if (report.step == 5) throw Stopped();
                         }),
               Stopped);
  const auto resumed = train_dpo(start_, dpo_rows_, options, [&parts](const StepReport& report) { parts.push_back(report); });
  ASSERT_EQ(parts.size(), 4U) << "a run whose listener ends it saves its state first, between two checkpoints too";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    EXPECT_EQ(parts[i].step, whole[i + 5].step);
    EXPECT_EQ(parts[i].loss, whole[i + 5].loss);
    EXPECT_EQ(parts[i].grad_norm, whole[i + 5].grad_norm);
    EXPECT_EQ(parts[i].metrics, whole[i + 5].metrics);
  }
  EXPECT_EQ(resumed->hash(), expected->hash());
  // A finished run gives its result again without a step.
  parts.clear();
  EXPECT_EQ(train_dpo(start_, dpo_rows_, options, [&parts](const StepReport& report) { parts.push_back(report); })->hash(), expected->hash());
  EXPECT_TRUE(parts.empty());
}

TEST_F(Resume, ARunThatEndsSaysWhetherItsStateIsSaved) {
  auto options = one_step();
  options.steps = 5;
  options.checkpoint_folder = folder_;
  options.checkpoint_every = 1;
  std::optional<StoppedRun> stopped;
  options.on_stopped = [&stopped](const StoppedRun& said) { stopped = said; };
  const auto stop_at = [&](std::int64_t step, const std::function<void()>& before) {
    stopped.reset();
    EXPECT_THROW(train_sft(start_, sft_rows_, options,
                           [&](const StepReport& report) {
                             if (report.step != step) return;
                             before();
                             throw Stopped();
                           }),
                 Stopped)
        << "whatever becomes of its state";
    ASSERT_TRUE(stopped);
    EXPECT_EQ(stopped->step, step);
  };
  stop_at(2, [] {});
  EXPECT_EQ(stopped->fault, "");
  EXPECT_EQ(stopped->newest_saved, 2);
  // What stands where the state of step 4 should go cannot be replaced.
  stop_at(4, [&] { std::filesystem::create_directories(folder_ / "step_00000004.safetensors" / "in the way"); });
  EXPECT_THAT(stopped->fault, HasSubstr("step_00000004.safetensors"));
  EXPECT_EQ(stopped->newest_saved, 3);
  // A disk that goes away.
  stop_at(4, [&] { std::filesystem::remove_all(folder_); });
  EXPECT_NE(stopped->fault, "");
  EXPECT_EQ(stopped->newest_saved, std::nullopt);
}

TEST_F(Resume, ACheckpointThatCannotBeWrittenDoesNotEndTheRun) {
  auto options = one_step();
  options.steps = 4;
  const auto expected = train_sft(start_, sft_rows_, options);
  options.checkpoint_folder = folder_;
  options.checkpoint_every = 2;
  // What stands where these states should go cannot be replaced.
  for (const char* name : {"step_00000002.safetensors", "step_00000004.safetensors"}) std::filesystem::create_directories(folder_ / name / "in the way");
  EXPECT_THROW(train_sft(start_, sft_rows_, options), base::SurroundingsError) << "nobody hears of it";
  std::vector<std::string> faults;
  options.on_unsaved = [&faults](const std::string& fault) { faults.push_back(fault); };
  EXPECT_EQ(train_sft(start_, sft_rows_, options)->hash(), expected->hash());
  EXPECT_THAT(faults, testing::ElementsAre(HasSubstr("step_00000002.safetensors"), HasSubstr("step_00000004.safetensors")));
}

TEST_F(Resume, ACheckpointOfAnotherRunIsRefused) {
  auto options = one_step();
  options.checkpoint_folder = folder_;
  train_sft(start_, sft_rows_, options);
  options.learning_rate = 2e-3;
  try {
    train_sft(start_, sft_rows_, options);
    FAIL() << "another learning rate was taken for the same run";
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("belongs to a run with other rows, options or start model"));
  }
}

TEST_F(Resume, OldCheckpointsGoWhenNewOnesAreWhole) {
  auto options = one_step();
  options.steps = 6;
  options.checkpoint_folder = folder_;
  options.checkpoint_every = 1;
  options.keep_checkpoints = 2;
  train_sft(start_, sft_rows_, options);
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) names.insert(entry.path().filename().string());
  EXPECT_THAT(names, testing::ElementsAre("lock", "step_00000005.safetensors", "step_00000006.safetensors"));
}

TEST_F(Resume, ADamagedCheckpointIsPassedOverForAnOlderOne) {
  auto options = one_step();
  options.steps = 4;
  options.checkpoint_folder = folder_;
  options.checkpoint_every = 1;
  options.keep_checkpoints = 2;
  const auto expected = train_sft(start_, sft_rows_, options);
  const auto newest = folder_ / "step_00000004.safetensors";
  auto bytes = base::read_file(newest);
  bytes[bytes.size() - 100] ^= 1;
  base::write_file_atomically(newest, bytes);
  std::vector<std::int64_t> steps;
  const auto again = train_sft(start_, sft_rows_, options, [&steps](const StepReport& report) { steps.push_back(report.step); });
  EXPECT_THAT(steps, testing::ElementsAre(4)) << "from the state after step 3";
  EXPECT_EQ(again->hash(), expected->hash());
}

TEST_F(Resume, ADamagedCheckpointOfALaterStepDoesNotPushANewOneOut) {
  auto options = one_step();
  options.steps = 6;
  options.checkpoint_folder = folder_;
  options.checkpoint_every = 2;
  options.keep_checkpoints = 2;
  const auto saved = [&](std::int64_t step) { return folder_ / ("step_0000000" + std::to_string(step) + ".safetensors"); };
  const auto stop_after = [&](std::int64_t step) {
    std::vector<std::int64_t> steps;
    EXPECT_THROW(train_sft(start_, sft_rows_, options,
                           [&](const StepReport& report) {
                             steps.push_back(report.step);
                             if (report.step == step) throw Stopped();
                           }),
                 Stopped);
    return steps;
  };
  stop_after(4);
  for (const std::int64_t damaged : {4, 6}) base::write_file_atomically(saved(damaged), "damaged");
  EXPECT_THAT(stop_after(3), testing::ElementsAre(3)) << "from the state after step 2";
  EXPECT_TRUE(std::filesystem::exists(saved(3)));
  EXPECT_TRUE(std::filesystem::exists(saved(2)));
  EXPECT_FALSE(std::filesystem::exists(saved(4))) << "what no run can go on from goes";
  EXPECT_THAT(stop_after(4), testing::ElementsAre(4));
  // Where a state cannot be saved the newest whole one is named, and no damaged one.
  std::filesystem::create_directories(saved(5) / "in the way");
  base::write_file_atomically(saved(6), "damaged");
  std::optional<StoppedRun> stopped;
  options.on_stopped = [&stopped](const StoppedRun& said) { stopped = said; };
  EXPECT_THAT(stop_after(5), testing::ElementsAre(5));
  EXPECT_EQ(stopped.value().newest_saved, 4);
}

TEST_F(Resume, TwoRunsOnOneFolderAreRefused) {
  auto options = one_step();
  options.checkpoint_folder = folder_;
  bool refused = false;
  train_sft(start_, sft_rows_, options, [&](const StepReport&) {
    try {
      train_sft(start_, sft_rows_, options);
    } catch (const base::UserError& error) {
      refused = true;
      EXPECT_THAT(error.what(), HasSubstr("Another run is using"));
    }
  });
  EXPECT_TRUE(refused);
}

TEST_F(Resume, WhatAKilledRunLeftHalfWrittenIsRemoved) {
  std::filesystem::create_directories(folder_);
  base::write_file_atomically(folder_ / "step_00000003.safetensors.123.0.tmp", "half");
  auto options = one_step();
  options.checkpoint_folder = folder_;
  train_sft(start_, sft_rows_, options);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "step_00000003.safetensors.123.0.tmp"));
}

TEST_F(Resume, AFileWhereTheCheckpointsShouldGoIsRefused) {
  base::write_file_atomically(folder_, "not a folder");
  auto options = one_step();
  options.checkpoint_folder = folder_;
  EXPECT_THROW(train_sft(start_, sft_rows_, options), base::UserError);
}

TEST_F(Resume, ACheckpointWhoseNumberOfStepsIsNoNumberIsRefused) {
  auto options = one_step();
  options.checkpoint_folder = folder_;
  train_sft(start_, sft_rows_, options);
  const auto path = folder_ / "step_00000001.safetensors";
  auto bytes = base::read_file(path);
  const std::string steps = R"("steps":"1")";
  const auto at = bytes.find(steps);
  ASSERT_NE(at, std::string::npos);
  // The header is padded with blanks, so a longer number leaves the offsets as they are when it ends in the padding's place.
  const auto end = bytes.find("  ", at);
  ASSERT_LT(end, bytes.find("\0", at, 1)) << "no padding to grow into";
  bytes.erase(end, 1);
  bytes.insert(at + steps.size() - 1, "a");
  base::write_file_atomically(path, bytes);
  try {
    train_sft(start_, sft_rows_, options);
    FAIL() << "1a steps were taken for 1";
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("'1a' steps"));
  }
}

}  // namespace
}  // namespace drover::train
