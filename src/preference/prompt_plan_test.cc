#include "preference/prompt_plan.h"

#include <gmock/gmock.h>

#include <set>

#include "base/error.h"
#include "evaluate/scripted_generator_test.h"
#include "preference/new_ledger_test.h"

namespace drover::preference {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Gt;

class PromptPlanTest : public WithLedger {
 protected:
  // Ten prompts of a capability, of difficulty 0.0, 0.1, ... 0.9.
  void add_prompts(const std::string& capability) {
    for (int i = 0; i < 10; ++i) {
      auto prompt = open_prompt(capability + std::to_string(i), {capability});
      prompt.difficulty = i / 10.0;
      all_.push_back(ledger_->add(prompt));
      if (i < 4) before_.push_back(all_.back());
    }
  }

  std::vector<ledger::PromptId> all_;
  std::vector<ledger::PromptId> before_;
};

const std::vector<CapabilityRate> kRates = {{"chat", 8, 10}, {"maths", 1, 10}, {"code", 2, 10}, {"tools", 9, 10}};

TEST_F(PromptPlanTest, TheTwoWeakestCapabilitiesGetMoreComplexPrompts) {
  for (const auto* name : {"chat", "maths", "code", "tools"}) add_prompts(name);
  const auto plan = plan_prompts(all_, before_, kRates, {.num_prompts = 16, .step = 0.2}, *ledger_);
  EXPECT_EQ(plan.prompts.size(), 16U);
  EXPECT_EQ(std::set(plan.prompts.begin(), plan.prompts.end()).size(), 16U);
  ASSERT_EQ(plan.weakest.size(), 2U);
  EXPECT_EQ(plan.weakest[0].capability, "maths");
  EXPECT_EQ(plan.weakest[1].capability, "code");
  for (const auto& change : plan.weakest) {
    EXPECT_NEAR(change.before, 0.15, 1e-12);  // (0 + 0.1 + 0.2 + 0.3) / 4
    EXPECT_NEAR(change.after, 0.55, 1e-12);   // new ones from 0.4 on: 0.4 to 0.7, the nearest to 0.35
    EXPECT_EQ(change.num_after, 4);
  }
  // Measured on the prompts themselves.
  double sum = 0;
  int count = 0;
  for (const auto id : plan.prompts) {
    const auto prompt = ledger_->find(id);
    if (capability_of(*prompt) != "maths") continue;
    sum += complexity_of(*prompt);
    ++count;
  }
  EXPECT_EQ(count, 4);
  EXPECT_NEAR(sum / count, plan.weakest[0].after, 1e-12);
}

TEST_F(PromptPlanTest, ComplexityRisesRoundAfterRoundUntilTheHardest) {
  add_prompts("maths");
  add_prompts("code");
  add_prompts("chat");
  double last = 0;
  for (int round = 0; round < 3; ++round) {
    const auto plan = plan_prompts(all_, before_, kRates, {.num_prompts = 8}, *ledger_);
    EXPECT_GT(plan.weakest[0].after, plan.weakest[0].before) << round;
    EXPECT_GT(plan.weakest[0].after, last) << round;
    last = plan.weakest[0].after;
    before_ = plan.prompts;
  }
}

TEST_F(PromptPlanTest, TheWeakOnesFillUpWhereTheOthersAreTooFew) {
  add_prompts("maths");
  for (int i = 0; i < 2; ++i) all_.push_back(ledger_->add(open_prompt("chat" + std::to_string(i), {"chat"})));
  const auto plan = plan_prompts(all_, before_, kRates, {.num_prompts = 11, .num_weakest = 1, .weak_share = 0.5}, *ledger_);
  EXPECT_EQ(std::set(plan.prompts.begin(), plan.prompts.end()).size(), 11U);
  EXPECT_EQ(plan.weakest.at(0).num_after, 9);
  EXPECT_NEAR(plan.weakest.at(0).after, 0.5, 1e-12);  // all but the easiest: (0.1 + ... + 0.9) / 9
}

TEST_F(PromptPlanTest, UsedPromptsFillAShareWhenNewOnesRunOut) {
  for (const auto* name : {"chat", "maths", "tools"}) add_prompts(name);
  PromptPlanOptions options{.num_prompts = 12, .num_weakest = 1, .weak_share = 0.5, .step = 0.5};
  // Of maths only the hardest is new; 0.6 to 0.8 were used twice.
  for (int i = 0; i < 9; ++i) options.uses[all_[static_cast<std::size_t>(10 + i)]] = i < 6 ? 1 : 2;
  for (int i = 0; i < 10; ++i) options.uses[all_[static_cast<std::size_t>(20 + i)]] = 1;  // nothing of tools is new
  const auto plan = plan_prompts(all_, before_, kRates, options, *ledger_);
  EXPECT_EQ(plan.weakest.at(0).capability, "maths");
  EXPECT_EQ(plan.weakest.at(0).num_after, 6);
  EXPECT_NEAR(plan.weakest.at(0).after, 2.4 / 6, 1e-12);  // 0.9, and of those used once 0.5, 0.4, 0.3, 0.2, 0.1
  std::map<std::string, int> shares;
  for (const auto id : plan.prompts) ++shares[capability_of(*ledger_->find(id))];
  EXPECT_EQ(shares, (std::map<std::string, int>{{"chat", 3}, {"maths", 6}, {"tools", 3}}));
}

TEST_F(PromptPlanTest, SaysSoWhenNothingHarderIsThere) {
  for (int i = 0; i < 4; ++i) {
    auto prompt = open_prompt("maths" + std::to_string(i), {"maths"});
    prompt.difficulty = 0.5;
    all_.push_back(ledger_->add(prompt));
  }
  const auto plan = plan_prompts(all_, all_, kRates, {.num_prompts = 4}, *ledger_);
  EXPECT_DOUBLE_EQ(plan.weakest.at(0).after, plan.weakest.at(0).before);
}

TEST_F(PromptPlanTest, IsRecordedAsMetrics) {
  add_prompts("maths");
  add_prompts("code");
  record_plan(plan_prompts(all_, before_, kRates, {.num_prompts = 8}, *ledger_), "key", *ledger_);
  double before = -1;
  double after = -1;
  for (const auto& metric : ledger_->metrics_of("key")) {
    if (metric.subject == "weakest") (metric.name == "complexity before" ? before : after) = metric.value;
  }
  EXPECT_NEAR(before, 0.15, 1e-12);
  EXPECT_GT(after, before);
}

TEST(Complexity, CountsIntentionsOrConstraintsWhereNoDifficultyIsRated) {
  EXPECT_DOUBLE_EQ(complexity_of(open_prompt("q", {"chat"})), 0);
  EXPECT_DOUBLE_EQ(complexity_of(open_prompt("q", {"chat", "length", "language", "case", "title"})), 0.5);
  EXPECT_DOUBLE_EQ(complexity_of(open_prompt("q", {"chat"}), 12), 0.75);
  auto rated = open_prompt("q", {"chat"});
  rated.difficulty = 0.3;
  EXPECT_DOUBLE_EQ(complexity_of(rated, 12), 0.3);
}

TEST_F(PromptPlanTest, VerifierRatesAreByCapability) {
  auto sum = evaluate::question("3+4", "7");
  sum.tags = {"maths"};
  const auto maths = ledger_->add(sum);
  add_reply(maths, "a", "7");
  add_reply(maths, "b", "8");
  add_reply(maths, "c", "9");
  add_reply(ledger_->add(open_prompt("hello", {"chat"})), "a", "hi");
  const auto rates = verifier_rates(*ledger_, "key");
  ASSERT_EQ(rates.size(), 1U);
  EXPECT_EQ(rates[0].capability, "maths");
  EXPECT_NEAR(rates[0].rate(), 1.0 / 3, 1e-12);
}

TEST_F(PromptPlanTest, RefusesOptionsOutOfRange) {
  EXPECT_THROW(plan_prompts({}, {}, {}, {.num_weakest = 0}, *ledger_), base::UserError);
  EXPECT_THROW(plan_prompts({}, {}, {}, {.weak_share = 1.5}, *ledger_), base::UserError);
  EXPECT_THROW(plan_prompts({}, {}, {}, {.step = -0.1}, *ledger_), base::UserError);
}

}  // namespace
}  // namespace drover::preference
