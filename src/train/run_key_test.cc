#include "train/run_key.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>

#include "train/objective.h"
#include "train/tiny_training_test.h"

namespace drover::train {
namespace {

using RunKey = TinyTraining;

TEST_F(RunKey, ChangesWithEverythingThatTheNumbersDependOn) {
  const auto key = [&](const std::function<void(TrainOptions&)>& change, const std::string& start = "start", const std::string& learner = "packed") {
    TrainOptions options;
    change(options);
    return run_key(start, learner, *make_sft_objective(sft_rows_), options);
  };
  const auto nothing = [](TrainOptions&) {};
  std::set<std::string> keys{key(nothing)};
  const std::vector<std::function<void(TrainOptions&)>> changes{
      [](TrainOptions& options) { options.learning_rate = 2e-5; },
      [](TrainOptions& options) { options.schedule.shape = Schedule::Shape::kConstant; },
      [](TrainOptions& options) { options.schedule.warmup_steps = 3; },
      [](TrainOptions& options) { options.adamw.beta2 = 0.95; },
      [](TrainOptions& options) { options.adamw.weight_decay = 0.1; },
      [](TrainOptions& options) { options.clip_norm = 0; },
      [](TrainOptions& options) { options.steps = 5; },
      [](TrainOptions& options) { options.epochs = 2; },
      [](TrainOptions& options) { options.rows_per_step = 4; },
      [](TrainOptions& options) { options.tokens_per_step = 400; },
      [](TrainOptions& options) { options.packed_tokens = 512; },  // by rounding
      [](TrainOptions& options) { options.seed = 1; },
      [](TrainOptions& options) { options.lora.rank = 4; },
      [](TrainOptions& options) { options.compute_type = model::ComputeType::kBFloat16; }};
  for (const auto& change : changes) keys.insert(key(change));
  keys.insert(key(nothing, "another"));
  keys.insert(key(nothing, "start", "autograd"));
  EXPECT_EQ(keys.size(), changes.size() + 3);
  std::swap(sft_rows_[0], sft_rows_[1]);
  EXPECT_FALSE(keys.contains(key(nothing)));
  std::swap(sft_rows_[0], sft_rows_[1]);
  EXPECT_EQ(key(nothing), *keys.find(key([](TrainOptions& options) { options.checkpoint_every = 7; }))) << "when a run saves does not matter";
}

TEST_F(RunKey, OfARewardModelChangesWithItsHeadAndItsOptions) {
  std::set<std::string> keys;
  const auto add = [&](const RewardOptions& options) { keys.insert(run_key("start", "packed", *make_reward_objective(reward_rows_, options), {})); };
  add({});
  add({.centring = 0.01});
  add({.head_seed = 1});
  EXPECT_EQ(keys.size(), 3U);
  add({.head_seed = 0});
  EXPECT_EQ(keys.size(), 3U) << "0 is the seed that is taken when none is given";
}

TEST_F(RunKey, OfLabelsChangesWithTheHeadTheLabelsAndTheNamesOfClasses) {
  std::set<std::string> keys;
  auto rows = outcome_rows(reward_rows_);
  const auto add = [&](const std::unique_ptr<Objective>& objective) { keys.insert(run_key("start", "packed", *objective, {})); };
  const auto add_all = [&] {
    const std::vector<std::string> names{"right", "wrong"}, others{"wrong", "right"};
    for (const std::uint64_t seed : {0U, 1U}) {
      add(make_binary_objective("outcome", rows, seed));
      add(make_binary_objective("steps", rows, seed));
      add(make_class_objective(rows, names, seed));
      add(make_class_objective(rows, others, seed));
    }
  };
  add_all();
  EXPECT_EQ(keys.size(), 8U);
  rows[0].labels[0] = 0.0F;
  add_all();
  EXPECT_EQ(keys.size(), 16U);
}

TEST_F(RunKey, OfDpoChangesWithItsOptionsAndWhatCountsInItsTerms) {
  std::set<std::string> keys;
  const auto add = [&](const DpoOptions& options) { keys.insert(run_key("start", "packed", *make_dpo_objective(dpo_rows_, options), {})); };
  add({});
  add({.beta = 0.2});
  add({.nll_weight = 0.0});
  add({.nll_average = NllAverage::kPerToken});
  add({.label_smoothing = 0.1});
  add({.positive_weight = 1.0});
  add({.length_normalised = true});
  add({.loss = DpoLoss::kIpo});
  EXPECT_EQ(keys.size(), 8U);
  dpo_rows_[0].preference[0] = 0;
  add({});
  EXPECT_EQ(keys.size(), 9U);
}

TEST_F(RunKey, DiffersBetweenKindsOverTheSameTrees) {
  const auto labelled = outcome_rows(reward_rows_);
  const RewardOptions plain;
  std::set<std::string> keys{run_key("start", "packed", *make_sft_objective(reward_rows_), {}),
                             run_key("start", "packed", *make_reward_objective(reward_rows_, plain), {}),
                             run_key("start", "packed", *make_binary_objective("outcome", labelled, 0), {}),
                             run_key("start", "packed", *make_binary_objective("steps", labelled, 0), {})};
  EXPECT_EQ(keys.size(), 4U);
}

}  // namespace
}  // namespace drover::train
