#include "train/run_key.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

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

}  // namespace
}  // namespace drover::train
