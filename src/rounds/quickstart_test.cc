// What a finished run of recipes/quickstart.toml must have left: every stage of the report, present and real. The run takes half an
// hour, so that it is another command's work (scripts/test --long); DROVER_QUICKSTART_HOME says where it lies.
#include <gmock/gmock.h>

#include <cstdlib>
#include <map>
#include <set>

#include "evaluate/recorded_replies.h"
#include "ledger/ledger.h"
#include "rounds/recipe.h"
#include "verify/checker.h"

namespace drover::rounds {
namespace {

using ::testing::HasSubstr;

class Quickstart : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* home = std::getenv("DROVER_QUICKSTART_HOME");
    if (home == nullptr) GTEST_SKIP() << "scripts/test --long runs the quickstart first";
    ledger_.emplace(std::filesystem::path(home) / "ledger.sqlite", ledger::Ledger::OpenMode::kReadOnly);
    for (const auto& key : ledger_->stages_of_run(ledger_->latest_run()->run)) {
      if (ledger_->find_stage_end(key)) key_of_[ledger_->find_stage(key)->name] = key;
    }
  }

  static std::string in_round(int round, const std::string& stage) { return "round " + std::to_string(round) + " / " + stage; }

  std::string text_of(ledger::GenerationId id) const { return verify::text_of(ledger_->find(id)->reply); }

  std::optional<ledger::Ledger> ledger_;
  std::map<std::string, std::string> key_of_;
};

TEST_F(Quickstart, FinishesEveryStageOfBothRounds) {
  for (int round = 1; round <= 2; ++round) {
    for (const auto* stage : {"plan", "collect", "import", "reward", "reject", "synthesise", "curate", "sft", "dpo", "evaluate", "choose"})
      EXPECT_TRUE(key_of_.contains(in_round(round, stage))) << in_round(round, stage);
  }
}

TEST_F(Quickstart, KeepsComparisonsOfSeveralLevelsAndThreeWayRows) {
  std::map<chat::PreferenceLevel, int> levels;
  int three_way = 0;
  for (int round = 1; round <= 2; ++round) {
    for (const auto* stage : {"collect", "import"}) {
      for (const auto id : ledger_->comparisons_of(key_of_[in_round(round, stage)])) {
        const auto comparison = ledger_->find(id);
        ++levels[comparison->level];
        if (!comparison->edited.is_nothing()) ++three_way;
      }
    }
  }
  EXPECT_GT(levels[chat::PreferenceLevel::kSignificant], 0);
  EXPECT_GE(levels.size(), 3U);
  EXPECT_GT(three_way, 0);
}

TEST_F(Quickstart, SamplesAtLeastTenRepliesToEachPrompt) {
  std::map<ledger::PromptId, int> replies;
  for (const auto id : ledger_->generations_of(key_of_[in_round(2, "reject")])) ++replies[ledger_->find(id)->prompt];
  ASSERT_GE(replies.size(), 50U);
  for (const auto& [prompt, count] : replies) EXPECT_GE(count, 10);
}

TEST_F(Quickstart, AveragesAtLeastTwoVariantsAtEachOfTheThreeStages) {
  for (const auto* stage : {"reward", "sft", "dpo"}) {
    const auto models = ledger_->models_of(key_of_[in_round(2, stage)]);
    ASSERT_GE(models.size(), 3U) << stage;
    EXPECT_EQ(models.back().made_by, "average");
    std::set<std::string> parents;
    for (const auto& parent : models.back().parents) parents.insert(parent.hash);
    EXPECT_GE(parents.size(), 2U) << stage;
  }
}

TEST_F(Quickstart, RemovesThePlantedDuplicateAndThePlantedLeak) {
  for (int round = 1; round <= 2; ++round) {
    int duplicates = 0, leaks = 0, kept_capitals = 0;
    for (const auto& decision : ledger_->decisions_of(key_of_[in_round(round, "curate")])) {
      const auto prompt = *ledger_->find(ledger_->find(decision.generation)->prompt);
      if (prompt.source != "planted") continue;
      if (decision.is_kept) ++kept_capitals;
      if (decision.rule == "near duplicate") ++duplicates;
      if (decision.rule == "leak") ++leaks;
    }
    EXPECT_EQ(duplicates, 1) << "round " << round;
    EXPECT_EQ(leaks, 1) << "round " << round;
    EXPECT_EQ(kept_capitals, 1) << "round " << round;
  }
}

TEST_F(Quickstart, DropsRowsOfLowQualityInBothRounds) {
  for (int round = 1; round <= 2; ++round) {
    int low = 0;
    for (const auto& decision : ledger_->decisions_of(key_of_[in_round(round, "curate")])) low += decision.rule == "low quality" ? 1 : 0;
    EXPECT_GT(low, 0) << "round " << round;
  }
}

TEST_F(Quickstart, RaisesTheComplexityOfTheWeakestCapabilitiesPrompts) {
  std::map<std::string, double> complexity;
  for (const auto& metric : ledger_->metrics_of(key_of_[in_round(2, "plan")])) {
    if (metric.subject == "weakest") complexity[metric.name] = metric.value;
  }
  ASSERT_TRUE(complexity.contains("complexity before"));
  EXPECT_GT(complexity["complexity after"], complexity["complexity before"]);
}

}  // namespace
}  // namespace drover::rounds
