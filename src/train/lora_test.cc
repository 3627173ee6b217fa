// Training of adapters: the two learners, every objective, checkpoints.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "chat/byte_tokenizer_test.h"
#include "model/adapter.h"
#include "model/decoder.h"
#include "model/heads.h"
#include "model/log_probs.h"
#include "model/random_decoder.h"
#include "train/learner.h"
#include "train/trainer.h"

namespace drover::train {
namespace {

struct Stopped {};

model::DecoderConfig config_of(std::string_view kind, std::int64_t vocab_size) {
  model::DecoderConfig config = model::tiny_config(vocab_size, 32);
  if (kind == "qwen3") {
    config.architecture = model::Architecture::kQwen3;
    config.qk_norm = true;
  }
  if (kind == "biased") config.attention_bias = config.attention_output_bias = config.mlp_bias = true;
  if (kind == "window") config.sliding_window = 5;
  if (kind == "untied") config.tied_embeddings = false;
  if (kind == "long head") config.head_dim = 96;
  return config;
}

class Lora : public testing::Test {
 protected:
  Lora() {
    const auto tokenizer = chat::smollm2_bytes();
    start_ = std::make_shared<const model::Model>(model::random_decoder(config_of("", tokenizer->vocab_size()), 7), tokenizer, std::nullopt, "");
    const auto format = chat::make_chat_format("chatml", tokenizer);
    const char* answers[][2] = {{"red", "no"}, {"blue!", "green or so"}, {"4", "five"}, {"sure", "never ever"}};
    for (const auto& two : answers) {
      chat::PreferenceRow preference;
      preference.prompt.messages.push_back({.sender = chat::Sender::kUser, .content = std::string("say ") + two[1]});
      for (const char* answer : two) preference.responses.push_back({{.sender = chat::Sender::kAssistant, .content = answer}});
      preference.levels.assign(1, chat::PreferenceLevel::kBetter);
      sft_rows_.push_back(sft_row(*format, preference.with_response(0)));
      reward_rows_.push_back(reward_row(*format, preference));
      dpo_rows_.push_back(dpo_row(*format, preference));
    }
    folder_ = std::filesystem::path(testing::TempDir()) / (std::string("drover_lora_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
  }
  ~Lora() override { std::filesystem::remove_all(folder_); }

  static TrainOptions options(std::int64_t steps, double rate = 1e-2) {
    return {.learning_rate = rate, .schedule = {.shape = Schedule::Shape::kConstant}, .steps = steps, .rows_per_step = 4, .lora = {.rank = 4}};
  }

  std::shared_ptr<const model::Model> start_;
  std::vector<model::TokenRow> sft_rows_, reward_rows_;
  std::vector<DpoRow> dpo_rows_;
  std::filesystem::path folder_;
};

double relative_error(const at::Tensor& value, const at::Tensor& expected) {
  return (value - expected).norm().item<double>() / std::max(expected.norm().item<double>(), 1e-6);
}

TEST_F(Lora, HandWrittenPassesAndAutogradLearnTheSameForEveryArchitecture) {
  for (const std::string kind : {"llama", "qwen3", "biased", "window", "untied", "long head"}) {
    SCOPED_TRACE(kind);
    const auto start = model::random_decoder(config_of(kind, start_->config().vocab_size), 3);
    const auto adapter = model::fresh_adapter(*start, {.rank = 4}, 5);
    const AdamWOptions adamw{.epsilon = 1e-4};  // numbers whose gradient is rounding alone stay where they are
    const auto fast = make_packed_learner(*start, {.compute_type = model::ComputeType::kFloat32}, adamw, adapter);
    const auto plain = make_autograd_learner(*start, model::ComputeType::kFloat32, adamw, adapter);
    ASSERT_EQ(fast->learned_shapes(), plain->learned_shapes());
    for (int step = 0; step < 3; ++step) {
      for (auto* learner : {fast.get(), plain.get()}) {
        learner->clear_gradients();
        for (const auto& row : sft_rows_) learner->backward(-at::ones_like(learner->forward(row)));
      }
      EXPECT_NEAR(fast->gradient_norm() / plain->gradient_norm(), 1.0, 3e-5);
      const auto own = fast->gradients(), expected = plain->gradients();
      for (std::size_t i = 0; i < own.size(); ++i) {
        EXPECT_LT(relative_error(own[i].second, expected[i].second), 1e-4) << "step " << step << ", " << own[i].first;
      }
      for (auto* learner : {fast.get(), plain.get()}) learner->update(1e-2, 1.0 / learner->gradient_norm());
      EXPECT_LT((fast->outputs(sft_rows_[0]) - plain->outputs(sft_rows_[0])).abs().max().item<double>(), 2e-5);
    }
    const auto merged = fast->finished();
    EXPECT_LT((merged->log_probs(sft_rows_[0]) - fast->outputs(sft_rows_[0])).abs().max().item<double>(), 2e-5);
    EXPECT_LT((plain->finished()->log_probs(sft_rows_[0]) - merged->log_probs(sft_rows_[0])).abs().max().item<double>(), 2e-5);
  }
}

TEST_F(Lora, DpoStartsAtExactlyLogTwo) {
  for (const auto type : {model::ComputeType::kFloat32, model::ComputeType::kBFloat16}) {
    DpoOptions dpo{.train = options(1), .nll_weight = 0.0};
    dpo.train.compute_type = type;
    std::optional<StepReport> first;
    train_dpo(start_, dpo_rows_, dpo, [&](const StepReport& report) { first = report; });
    EXPECT_FLOAT_EQ(static_cast<float>(first.value().loss), std::log(2.0F));
    EXPECT_EQ(first->metrics.at("margin"), 0.0);
  }
}

TEST_F(Lora, SftLearnsItsRowsAndTheTrunkStays) {
  std::optional<RunOutlook> outlook;
  auto run = options(60, 2e-2);
  run.on_start = [&](const RunOutlook& said) { outlook = said; };
  std::vector<double> losses;
  const auto trained = train_sft(start_, sft_rows_, run, [&](const StepReport& report) { losses.push_back(report.loss); });
  EXPECT_LT(losses.back(), 0.93 * losses.front()) << "of a random trunk under few low-rank pairs";
  // 4 (in + out) numbers for each of seven weights: q, o 32x32; k, v 16x32; gate, up, down of 32 and the intermediate size.
  const auto& config = start_->config();
  const auto q = config.num_heads * config.head_dim, kv = config.num_kv_heads * config.head_dim;
  EXPECT_EQ(outlook.value().parameters_learned, config.num_layers * 4 * (2 * (32 + q) + 2 * (32 + kv) + 3 * (32 + config.intermediate_size)));
  EXPECT_EQ(outlook->parameters, start_->decoder().num_parameters());
  for (const auto& [name, tensor] : trained->decoder().parameters()) {
    EXPECT_EQ(at::equal(tensor, start_->decoder().parameter(name)), name.find("_proj") == std::string::npos) << name;
  }
}

TEST_F(Lora, HeadsAreTrainedWholeAndEveryKindOfRunTakesAdapters) {
  StepReport last;
  const auto judge = train_reward(start_, reward_rows_, {.train = options(60), .head_seed = 4}, [&](const StepReport& report) { last = report; });
  EXPECT_EQ(last.metrics.at("accuracy"), 1.0);
  const auto head = model::with_head(start_->decoder(), {.kind = model::HeadKind::kReward, .num_labels = 1, .seed = 4});
  EXPECT_FALSE(at::equal(judge->decoder().parameter("score.weight"), head->parameter("score.weight")));
  train_lm(start_, sft_rows_, options(1), [&](const StepReport& report) { last = report; });
  EXPECT_GT(last.grad_norm, 0.0);
  std::vector<LabelledRow> labelled;
  for (const auto& row : reward_rows_) labelled.push_back({row, {1.0F, 0.0F}});
  EXPECT_EQ(train_steps(start_, labelled, {.train = options(2)})->config().head.kind, model::HeadKind::kSteps);
  EXPECT_EQ(train_classify(start_, labelled, {"wrong", "right"}, {.train = options(2)})->config().head.num_labels, 2);
}

TEST_F(Lora, WhoTakesTheAdapterGetsItInPlaceOfAModel) {
  auto run = options(3);
  std::optional<model::Adapter> taken;
  run.on_adapter = [&](const model::Adapter& adapter) { taken = adapter; };
  EXPECT_EQ(train_sft(start_, sft_rows_, run), nullptr);
  run.on_adapter = {};
  const auto merged = train_sft(start_, sft_rows_, run);
  ASSERT_TRUE(taken);
  EXPECT_EQ(merged->hash(), start_->with_decoder(model::merged(start_->decoder(), *taken))->hash());
}

TEST_F(Lora, AResumedRunRepeatsTheUninterruptedOneBitForBit) {
  DpoOptions dpo{.train = options(7, 1e-3)};
  dpo.train.rows_per_step = 2;
  dpo.train.seed = 3;
  std::vector<StepReport> whole, parts;
  const auto expected = train_dpo(start_, dpo_rows_, dpo, [&](const StepReport& report) { whole.push_back(report); });
  dpo.train.checkpoint_folder = folder_;
  dpo.train.checkpoint_every = 2;
  EXPECT_THROW(train_dpo(start_, dpo_rows_, dpo, [](const StepReport& report) { if (report.step == 5) throw Stopped(); }), Stopped);
  const auto resumed = train_dpo(start_, dpo_rows_, dpo, [&](const StepReport& report) { parts.push_back(report); });
  ASSERT_EQ(parts.size(), 2U) << "the state after step 5 was saved when the run was stopped";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    EXPECT_EQ(parts[i].loss, whole[i + 5].loss);
    EXPECT_EQ(parts[i].grad_norm, whole[i + 5].grad_norm);
  }
  EXPECT_EQ(resumed->hash(), expected->hash());
  dpo.train.lora.rank = 2;
  EXPECT_THROW(train_dpo(start_, dpo_rows_, dpo), base::UserError) << "the checkpoint belongs to a run of another rank";
  dpo.train.lora = {};
  EXPECT_THROW(train_dpo(start_, dpo_rows_, dpo), base::UserError);
}

TEST_F(Lora, GradientsAddUpHoweverRowsArePacked) {
  std::vector<double> norms;
  for (const std::int64_t packed_tokens : {1, 4096}) {
    auto run = options(2);
    run.packed_tokens = packed_tokens;
    train_sft(start_, sft_rows_, run, [&](const StepReport& report) { norms.push_back(report.grad_norm); });
  }
  EXPECT_NEAR(norms[1], norms[3], 1e-4 * norms[1]);
}

}  // namespace
}  // namespace drover::train
