#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/file.h"
#include "base/progress.h"
#include "model/log_probs.h"
#include "model/packed/training_kernels.h"
#include "train/tiny_training_test.h"

namespace drover::train {
namespace {

using DpoTraining = TinyTraining;

TEST_F(DpoTraining, DpoStartsAtLogTwo) {
  const auto report = first_of([&](const OnStep& on_step) {
    train_dpo(start_, dpo_rows_, {.train = one_step(), .nll_weight = 0.0}, on_step);
  });
  EXPECT_NEAR(report.loss, std::log(2.0), 1e-6);
  EXPECT_NEAR(report.metrics.at("margin"), 0.0, 1e-5);
}

TEST_F(DpoTraining, DpoAddsTheLikelihoodOfChosenResponsesByTokenOrBySequence) {
  double by_sequence = 0.0, sum = 0.0, count = 0.0;
  for (const auto& made : dpo_rows_) {
    const auto log_probs = model::log_probs(*start_, made.row);
    double own = 0.0, tokens = 0.0;
    for (std::size_t i = 0; i < log_probs.size(); ++i) {
      own -= log_probs[i] * made.likelihood[i];
      tokens += made.likelihood[i];
    }
    by_sequence += own / tokens / static_cast<double>(dpo_rows_.size());
    sum += own;
    count += tokens;
  }
  const auto loss = [&](NllAverage average) {
    DpoOptions options{.train = one_step(), .nll_weight = 0.2, .nll_average = average};
    return first_of([&](const OnStep& on_step) { train_dpo(start_, dpo_rows_, options, on_step); }).loss;
  };
  EXPECT_NEAR(loss(NllAverage::kPerSequence), std::log(2.0) + 0.2 * by_sequence, 1e-5);
  EXPECT_NEAR(loss(NllAverage::kPerToken), std::log(2.0) + 0.2 * sum / count, 1e-5);
}

TEST_F(DpoTraining, DpoRaisesTheMarginAndTheAccuracy) {
  StepReport last;
  DpoOptions options{.train = {.learning_rate = 3e-3, .schedule = {.shape = Schedule::Shape::kConstant}, .steps = 30, .rows_per_step = 5}};
  train_dpo(start_, dpo_rows_, options, [&last](const StepReport& report) { last = report; });
  EXPECT_GT(last.metrics.at("margin"), 0.5);
  EXPECT_EQ(last.metrics.at("accuracy"), 1.0);
}

TEST_F(DpoTraining, ReferenceLogProbabilitiesAreAskedForOnceAndKept) {
  DpoOptions options{.train = one_step()};
  std::int64_t asked = 0;
  options.train.on_progress = [&asked](const base::Progress& progress) { asked = progress.total; };
  options.reference_cache = folder_;
  const auto first = train_dpo(start_, dpo_rows_, options);
  EXPECT_EQ(asked, 5);
  asked = 0;
  EXPECT_EQ(train_dpo(start_, dpo_rows_, options)->hash(), first->hash());
  EXPECT_EQ(asked, 0) << "everything was known";
  // Another reference has other numbers.
  train_dpo(first, dpo_rows_, options);
  EXPECT_EQ(asked, 5);
  // New pairs are asked about, known ones not.
  auto rows = dpo_rows_;
  rows.push_back(rows.front());
  rows.back().row.tokens[0] = text::TokenId{65};
  train_dpo(start_, rows, options);
  EXPECT_EQ(asked, 1);
}

/// The one file in the folder.
std::filesystem::path only_file_of(const std::filesystem::path& folder) {
  const std::vector<std::filesystem::directory_entry> entries{std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()};
  EXPECT_EQ(entries.size(), 1U);
  return entries.at(0).path();
}

TEST_F(DpoTraining, AnotherKindOfProcessorAsksTheReferenceAgain) {
  DpoOptions options{.train = one_step()};
  options.reference_cache = folder_;
  train_dpo(start_, dpo_rows_, options);
  // The processor's kernels sum in an order of their own, so they name the numbers with the model and the type.
  std::string kernels = model::training_kernels<float>().name;
  std::ranges::replace(kernels, ' ', '_');
  EXPECT_EQ(only_file_of(folder_).filename().string(), fmt::format("{}-f32-{}.reference", start_->hash(), kernels));
}

TEST_F(DpoTraining, ADamagedReferenceCacheIsMadeAnew) {
  DpoOptions options{.train = one_step()};
  options.reference_cache = folder_;
  const auto first = train_dpo(start_, dpo_rows_, options);
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    auto bytes = base::read_file(entry.path());
    bytes[50] ^= 1;
    base::write_file_atomically(entry.path(), bytes);
  }
  EXPECT_EQ(train_dpo(start_, dpo_rows_, options)->hash(), first->hash());
}

TEST_F(DpoTraining, TheReferenceCacheIsNotWrittenAnewForEveryFewPairs) {
  DpoOptions options{.train = one_step()};
  options.reference_cache = folder_;
  std::vector<DpoRow> many;
  for (int i = 0; i < 120; ++i) many.insert(many.end(), dpo_rows_.begin(), dpo_rows_.end());
  std::int64_t written = 0;
  options.train.on_progress = [&](const base::Progress&) { written += std::filesystem::is_empty(folder_) ? 0 : 1; };
  train_dpo(start_, many, options);
  EXPECT_EQ(written, 0) << "all 600 pairs take less than the half minute between two saves";
  EXPECT_FALSE(std::filesystem::is_empty(folder_));
}

TEST_F(DpoTraining, WhatTheReferenceHasSaidIsKeptWhenTheRunIsInterrupted) {
  struct Interrupted {};
  DpoOptions options{.train = one_step()};
  options.reference_cache = folder_;
  options.train.packed_tokens = 8;  // a pass a pair
  options.train.on_progress = [](const base::Progress& progress) {
    if (progress.done == 2) throw Interrupted();
  };
  EXPECT_THROW(train_dpo(start_, dpo_rows_, options), Interrupted);
  std::int64_t asked = 0;
  options.train.on_progress = [&asked](const base::Progress& progress) { asked = progress.total; };
  train_dpo(start_, dpo_rows_, options);
  EXPECT_EQ(asked, 3);
}

TEST_F(DpoTraining, AReferenceCacheThatCannotBeWrittenIsComplainedOfOnceAndTheRunGoesOn) {
  DpoOptions options{.train = one_step()};
  const auto expected = train_dpo(start_, dpo_rows_, options)->hash();
  std::vector<std::string> warnings;
  options.train.on_warning = [&warnings](const std::string& warning) { warnings.push_back(warning); };
  // More pairs than are asked about at once.
  std::vector<DpoRow> many;
  for (int i = 0; i < 120; ++i) many.insert(many.end(), dpo_rows_.begin(), dpo_rows_.end());
  options.reference_cache = folder_;
  train_dpo(start_, dpo_rows_, options);
  const auto file = only_file_of(folder_);
  std::filesystem::remove(file);
  std::filesystem::create_directories(file / "in the way");
  train_dpo(start_, many, options);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings[0], testing::HasSubstr(file.filename().string()));
  EXPECT_THAT(warnings[0], testing::HasSubstr("are not kept."));
  // A file where the folder should be.
  std::filesystem::remove_all(folder_);
  base::write_file_atomically(folder_, "not a folder");
  warnings.clear();
  EXPECT_EQ(train_dpo(start_, dpo_rows_, options)->hash(), expected);
  EXPECT_EQ(warnings.size(), 1U);
}

TEST_F(DpoTraining, DpoWithoutALikelihoodTermPushesTheChosenResponseDownAndWithOneItDoesNot) {
  // Pairs of small edit distance: what both share behind the difference is pushed down with the rejected one (Pal et al. 2024).
  const auto format = chat::make_chat_format("chatml", start_->shared_tokenizer());
  std::vector<DpoRow> rows;
  for (const char* ending : {" apples and pears", " roads to Rome", " more days of rain", " words for snow"}) {
    chat::PreferenceRow preference;
    preference.prompt.messages.push_back({.sender = chat::Sender::kUser, .content = "how many?"});
    for (const char* number : {"7", "8"}) {
      preference.responses.push_back({{.sender = chat::Sender::kAssistant, .content = std::string(number) + ending}});
    }
    preference.levels.assign(1, chat::PreferenceLevel::kBetter);
    rows.push_back(dpo_row(*format, preference));
  }
  const auto chosen_change = [&](double nll_weight) {
    std::vector<double> chosen;
    DpoOptions options{.train = {.learning_rate = 1e-3, .schedule = {.shape = Schedule::Shape::kConstant}, .steps = 40, .rows_per_step = 4},
                       .beta = 0.1, .nll_weight = nll_weight};
    train_dpo(tuned_on(rows), rows, options, [&chosen](const StepReport& report) { chosen.push_back(report.metrics.at("chosen_log_prob")); });
    return chosen.back() - chosen.front();
  };
  EXPECT_LT(chosen_change(0.0), 0.0);
  EXPECT_GE(chosen_change(0.2), 0.0);
}

}  // namespace
}  // namespace drover::train
