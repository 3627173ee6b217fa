#pragma once

// What tests of training share: a tiny random model and rows for it.

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chat/byte_tokenizer_test.h"
#include "model/random_decoder.h"
#include "train/trainer.h"

namespace drover::train {

using ModelPointer = std::shared_ptr<const model::Model>;

inline ModelPointer tiny_model(model::ComputeType type = model::ComputeType::kFloat32) {
  const auto tokenizer = chat::smollm2_bytes();
  return std::make_shared<const model::Model>(model::random_decoder(model::tiny_config(tokenizer->vocab_size(), 16), 7, type), tokenizer,
                                              std::nullopt, "");
}

/// Five prompts with three answers each, as rows of every kind, and a folder that goes with the test.
class TinyTraining : public testing::Test {
 protected:
  TinyTraining() {
    const auto format = chat::make_chat_format("chatml", start_->shared_tokenizer());
    const char* answers[][3] = {{"red", "yes it is red, I think", "no"}, {"blue!", "b", "green or so"}, {"4", "four", "five"},
                                {"sure", "sure thing", "never ever"},    {"ok", "fine", "bad"}};
    for (const auto& three : answers) {
      chat::PreferenceRow preference;
      preference.prompt.messages.push_back({.sender = chat::Sender::kUser, .content = std::string("say ") + three[2]});
      for (const char* answer : three) {
        preference.responses.push_back({{.sender = chat::Sender::kAssistant, .content = answer}});
      }
      preference.levels.assign(2, chat::PreferenceLevel::kBetter);
      sft_rows_.push_back(sft_row(*format, preference.with_response(0)));
      reward_rows_.push_back(reward_row(*format, preference));
      dpo_rows_.push_back(dpo_row(*format, preference));
    }
    folder_ = std::filesystem::path(testing::TempDir()) /
              (std::string("drover_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
  }
  ~TinyTraining() override { std::filesystem::remove_all(folder_); }

  /// The start model after it learned both sides of the pairs, as one is that sampled them.
  ModelPointer tuned_on(const std::vector<DpoRow>& rows) const {
    std::vector<model::TokenRow> both;
    for (const auto& row : rows) both.push_back(row.row);
    return train_sft(start_, both, {.learning_rate = 3e-3, .schedule = {.shape = Schedule::Shape::kConstant}, .steps = 60, .rows_per_step = 4});
  }

  ModelPointer start_ = tiny_model();
  std::vector<model::TokenRow> sft_rows_;
  std::vector<model::TokenRow> reward_rows_;
  std::vector<DpoRow> dpo_rows_;
  std::filesystem::path folder_;
};

/// One small step that looks at all rows.
inline TrainOptions one_step() { return {.learning_rate = 1e-3, .steps = 1, .rows_per_step = 5}; }

inline StepReport first_of(const std::function<void(const OnStep&)>& train) {
  std::optional<StepReport> first;
  train([&first](const StepReport& report) {
    if (!first) first = report;
  });
  return first.value();
}

/// Five prompts with a right and a wrong reply each.
inline std::vector<LabelledRow> outcome_rows(const std::vector<model::TokenRow>& reward_rows) {
  std::vector<LabelledRow> rows;
  for (const auto& row : reward_rows) rows.push_back({row, {1.0F, 1.0F, 0.0F}});
  return rows;
}

}  // namespace drover::train
