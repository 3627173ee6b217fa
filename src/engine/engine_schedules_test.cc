// Random schedules: whatever else an engine does, each sample is as if it were alone, and all pages come back.
#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "base/error.h"
#include "engine/drawn_alone_test.h"
#include "engine/engine.h"
#include "engine/memory_budget.h"
#include "engine/recording_listener_test.h"

namespace drover::engine {
namespace {

using text::TokenId;

constexpr const char* kListenerThrew = "The listener threw.";
constexpr const char* kModelThrew = "The fake model failed.";

/// A request and what happens to it.
struct Job {
  std::size_t engine = 0;
  SampleRequest request;
  OutputRequest output;  // instead, when it has tokens
  std::shared_ptr<RecordingListener> listener = std::make_shared<RecordingListener>();
  RequestId id{};
  bool may_be_cancelled = false;
  bool may_throw = false;

  bool wants_outputs() const { return !output.tokens.empty(); }
};

class Schedule {
 public:
  explicit Schedule(std::uint64_t seed) : random_(seed) {
    const bool is_shared = chance(0.3);
    const std::int64_t page_tokens = number(1, 5);
    num_pages_ = number(4, chance(0.5) ? 12 : 60);
    budget_ = std::make_shared<MemoryBudget>(num_pages_ * kBytes);
    for (int i = 0; i < (is_shared ? 2 : 1); ++i) {
      models_.push_back(
          std::make_shared<FakePagedModel>(FakePagedModel::Shape{.page_tokens = page_tokens,
                                                                 .max_positions = number(8, 50),
                                                                 .vocab_size = 6,
                                                                 .bytes_per_page = kBytes,
                                                                 .weights = 7 + static_cast<std::uint64_t>(i)}));
      engines_.push_back(std::make_unique<Engine>(models_.back(), EngineOptions{.budget = budget_,
                                                                                .max_sequences = number(1, 9),
                                                                                .tokens_per_step = number(1, 30),
                                                                                .share_pages = !chance(0.1),
                                                                                .check_each_step = true}));
      if (chance(0.2)) {
        models_.back()->before_result = [this] {
          const bool fails = chance(0.03);
          models_failed_ = models_failed_ || fails;
          return fails;
        };
      }
    }
    has_cancellations_ = chance(0.4);
    has_early_ends_ = chance(0.4);
  }

  void run() {
    std::int64_t arrivals = number(1, 14);
    int idle = 0;
    for (std::int64_t steps = 0; idle < 3; ++steps) {
      ASSERT_LT(steps, 20000) << "it does not come to an end";
      const bool all_at_once = chance(0.1);
      while (arrivals > 0 && (all_at_once || chance(0.3))) {
        submit(make_job());
        --arrivals;
      }
      if (has_cancellations_ && chance(0.05) && !jobs_.empty())
        cancel(jobs_[static_cast<std::size_t>(number(0, std::ssize(jobs_) - 1))]);
      bool worked = false;
      for (auto& engine : engines_) worked = engine->step() || worked;
      idle = worked || arrivals > 0 ? 0 : idle + 1;
    }
    for (const auto& job : jobs_) check(job);
    std::int64_t cached = 0;
    for (const auto& engine : engines_) {
      const auto statistics = engine->statistics();
      EXPECT_EQ(statistics.pages_in_use, 0);
      EXPECT_EQ(statistics.running, 0);
      EXPECT_EQ(statistics.waiting, 0);
      EXPECT_LE(statistics.cached_tokens + statistics.computed_tokens, statistics.prompt_tokens);
      cached += statistics.pages_cached;
    }
    EXPECT_EQ(budget_->available() + cached * kBytes, budget_->bytes());
    engines_.clear();
    EXPECT_EQ(budget_->available(), budget_->bytes());
  }

 private:
  static constexpr std::int64_t kBytes = 100;

  std::int64_t number(std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(least, most)(random_);
  }
  bool chance(double probability) { return std::bernoulli_distribution(probability)(random_); }

  /// Few kinds of tokens and beginnings, so that prompts agree in many places.
  void add_tokens(std::vector<TokenId>& tokens, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i)
      tokens.push_back(TokenId{static_cast<std::int32_t>(chance(0.7) ? 1 : number(0, 5))});
  }

  std::vector<TokenId> make_prompt() {
    std::vector<TokenId> prompt;
    if (!jobs_.empty() && chance(0.6)) {  // goes on from a place in another one
      const auto& job = jobs_[static_cast<std::size_t>(number(0, std::ssize(jobs_) - 1))];
      prompt = job.wants_outputs() ? job.output.tokens : job.request.prompt;
      if (!job.listener->samples.empty() && chance(0.7)) {
        for (const auto& token : job.listener->samples.begin()->second) prompt.push_back(token.id);
      }
      prompt.resize(static_cast<std::size_t>(number(0, std::ssize(prompt))));
    }
    add_tokens(prompt, number(prompt.empty() ? 1 : 0, 6));
    return prompt;
  }

  Job make_job() {
    Job job;
    job.engine = static_cast<std::size_t>(number(0, std::ssize(engines_) - 1));
    auto tokens = make_prompt();
    if (chance(0.25)) {
      job.output.first_output = number(0, std::ssize(tokens) - 1);
      job.output.tokens = std::move(tokens);
      add_listener_faults(job);
      return job;
    }
    auto& request = job.request;
    request.prompt = std::move(tokens);
    request.num_samples = number(1, 5);
    request.first_sample = number(0, 2);
    request.options.max_tokens = number(1, 14);
    request.options.temperature = chance(0.2) ? 0.0 : 1.0;
    request.options.seed = static_cast<std::uint64_t>(number(0, 3));
    if (chance(0.2)) request.options.repetition_penalty = 1.5;
    if (chance(0.2)) request.options.top_p = 0.8;
    if (chance(0.5)) request.options.stop_ids = {TokenId{0}};
    if (chance(0.3)) request.options.min_tokens = number(0, request.options.max_tokens);
    if (chance(0.2)) request.constraint = std::make_shared<RisingConstraint>(6, static_cast<int>(number(1, 8)));
    add_listener_faults(job);
    return job;
  }

  void add_listener_faults(Job& job) {
    const auto when = number(1, 8);
    if (has_early_ends_ && chance(0.3)) {
      const bool all = chance(0.5);
      job.listener->when_token = [=](std::int64_t sample, std::int64_t count) {
        return count < when || (!all && sample % 2 == 0);
      };
    } else if (has_cancellations_ && chance(0.2)) {
      job.may_throw = true;
      job.listener->when_token = [=](std::int64_t, std::int64_t count) {
        if (count == when) throw std::runtime_error(kListenerThrew);
        return true;
      };
      job.listener->when_output = [=](std::int64_t position) {
        if (position == when) throw std::runtime_error(kListenerThrew);
      };
    } else if (has_cancellations_ && chance(0.2)) {
      job.may_be_cancelled = true;
      const auto index = jobs_.size();
      job.listener->when_token = [=, this](std::int64_t, std::int64_t count) {
        if (count == when) cancel(jobs_[index]);
        return true;
      };
    } else if (chance(0.1)) {
      job.listener->when_over = [this] { submit(make_job()); };
    }
  }

  void submit(Job job) {
    const auto& model = *models_[job.engine];
    const auto given = job.wants_outputs() ? std::ssize(job.output.tokens) : std::ssize(job.request.prompt);
    const auto longest =
        job.wants_outputs() ? given : std::min(given + job.request.options.max_tokens, model.max_positions());
    const bool fits = longest <= num_pages_ * model.page_tokens() &&
                      (job.wants_outputs() ? given <= model.max_positions() : given < model.max_positions());
    auto& engine = *engines_[job.engine];
    if (!fits) {
      if (job.wants_outputs()) {
        EXPECT_THROW(engine.submit(job.output, job.listener), base::UserError);
      } else {
        EXPECT_THROW(engine.submit(job.request, job.listener), base::UserError);
      }
      return;
    }
    job.id = job.wants_outputs() ? engine.submit(job.output, job.listener) : engine.submit(job.request, job.listener);
    jobs_.push_back(std::move(job));
  }

  void cancel(Job& job) {
    if (!job.listener->is_over) job.may_be_cancelled = true;
    engines_[job.engine]->cancel(job.id);
  }

  void check(const Job& job) {
    const auto& heard = *job.listener;
    ASSERT_TRUE(heard.is_over);
    const auto failure = heard.failure_text();
    if (!failure.empty()) {
      EXPECT_TRUE((failure == kListenerThrew && job.may_throw) || (failure == kModelThrew && models_failed_))
          << failure;
    }
    if (job.wants_outputs()) {
      check_outputs(job, failure.empty());
    } else {
      check_samples(job, failure.empty());
    }
  }

  void check_outputs(const Job& job, bool is_complete) {
    const auto& model = *models_[job.engine];
    if (is_complete && !job.may_be_cancelled) {
      EXPECT_EQ(std::ssize(job.listener->outputs), std::ssize(job.output.tokens) - job.output.first_output);
    }
    for (const auto& [position, output] : job.listener->outputs) {
      ASSERT_GE(position, job.output.first_output);
      EXPECT_EQ(output, model.outputs_after(model.state_after(
                            std::span(job.output.tokens).first(static_cast<std::size_t>(position) + 1))));
    }
  }

  void check_samples(const Job& job, bool is_complete) {
    if (is_complete) {
      EXPECT_EQ(std::ssize(job.listener->ends), job.request.num_samples);
    }
    for (std::int64_t i = 0; i < job.request.num_samples; ++i) {
      const auto expected = drawn_alone(*models_[job.engine], job.request, i);
      const auto& tokens = job.listener->samples[i];
      expect_start_of(tokens, expected.tokens);
      const auto end = job.listener->ends.find(i);
      if (end == job.listener->ends.end()) continue;
      const bool is_early = end->second == SampleEnd::kListener || end->second == SampleEnd::kCancelled;
      EXPECT_TRUE(end->second != SampleEnd::kCancelled || job.may_be_cancelled);
      if (is_early) continue;
      EXPECT_EQ(end->second, expected.end);
      EXPECT_EQ(tokens.size(), expected.tokens.size());
    }
  }

  std::mt19937_64 random_;
  std::int64_t num_pages_ = 0;
  std::shared_ptr<MemoryBudget> budget_;
  std::vector<std::shared_ptr<FakePagedModel>> models_;
  std::vector<std::unique_ptr<Engine>> engines_;
  std::deque<Job> jobs_;
  bool has_cancellations_ = false;
  bool has_early_ends_ = false;
  bool models_failed_ = false;
};

TEST(EngineSchedules, EachSampleIsAsIfItWereAloneAndAllPagesComeBack) {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE("schedule " + std::to_string(seed));
    Schedule(seed).run();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace drover::engine
