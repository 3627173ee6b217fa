#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/error.h"
#include "ledger/ledger.h"

namespace drover::ledger {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class ForgetTest : public ::testing::Test {
 protected:
  ForgetTest() : folder_(std::filesystem::path(::testing::TempDir()) / fmt::format("drover forget {}", getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    ledger_ = std::make_unique<Ledger>(folder_ / "ledger.sqlite", Ledger::OpenMode::kCreate);
    good_ = ledger_->add(prompt("good", "What is snow?"));
    bad_ = ledger_->add(prompt("bad", "SECRET QUESTION"));
    good_reply_ = ledger_->add(reply(good_, "Frozen water."));
    bad_reply_ = ledger_->add(reply(bad_, "SECRET ANSWER"));
    auto later = prompt("good", "SECRET QUESTION");
    later.dialog.messages.push_back(reply(bad_, "SECRET ANSWER").reply[0]);
    later.dialog.messages.push_back({.sender = chat::Sender::kUser, .content = "Go on."});
    later.parent = bad_;
    later.turn = 1;
    later_ = ledger_->add(later);
    ledger_->add(StageBegin{.key = "collect", .name = "round 1 / collect", .inputs = {}, .options = {}});
    ledger_->add(StageEnd{.key = "collect", .output = "{}", .hash = "h"});
    ledger_->add(StageEnd{.key = "other", .output = "{}", .hash = "h"});
    ledger_->add(Score{.generation = bad_reply_, .stage = "collect", .scorer = "rule", .value = 1});
    ledger_->add(TrainingRow{.stage = "sft", .ordinal = 0, .kind = "sft", .generations = {good_reply_}});
    ledger_->add(TrainingRow{.stage = "dpo", .ordinal = 0, .kind = "dpo", .generations = {good_reply_, bad_reply_}});
    const auto model = [](const char* name, const char* stage, std::vector<ModelFact::Parent> parents) {
      return ModelFact{.hash = name, .name = name, .stage = stage, .folder = name, .made_by = "", .data = "",
                       .options = "", .parents = std::move(parents)};
    };
    ledger_->add(model("tuned", "sft", {}));
    ledger_->add(model("aligned", "dpo", {{"tuned", 1}}));
    ledger_->add(model("child", "next", {{"aligned", 1}}));
  }
  ~ForgetTest() override { std::filesystem::remove_all(folder_); }

  static Prompt prompt(const std::string& source, const std::string& question) {
    Prompt prompt;
    prompt.dialog.messages.push_back({.sender = chat::Sender::kUser, .content = question});
    prompt.source = source;
    return prompt;
  }

  static Generation reply(PromptId prompt, const std::string& words) {
    Generation generation;
    generation.prompt = prompt;
    generation.stage = "collect";
    generation.reply.push_back({.sender = chat::Sender::kAssistant, .content = words});
    return generation;
  }

  static std::vector<std::string> names(const SourceRemoval& removal) {
    std::vector<std::string> names;
    for (const auto& model : removal.models) names.push_back(model.name);
    return names;
  }

  std::string bytes() const {
    std::string all;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      std::ifstream file(entry.path(), std::ios::binary);
      all.append(std::istreambuf_iterator<char>(file), {});
    }
    return all;
  }

  std::filesystem::path folder_;
  std::unique_ptr<Ledger> ledger_;
  PromptId good_;
  PromptId bad_;
  PromptId later_;
  GenerationId good_reply_;
  GenerationId bad_reply_;
};

TEST_F(ForgetTest, TakesTheSourceOutAndLeavesTheRest) {
  const auto removal = ledger_->forget_source("bad", false);
  EXPECT_FALSE(ledger_->find(bad_));
  EXPECT_FALSE(ledger_->find(later_));
  EXPECT_FALSE(ledger_->find(bad_reply_));
  EXPECT_TRUE(ledger_->scores_of("collect").empty());
  EXPECT_EQ(ledger_->find(good_)->dialog.messages.at(0).content, "What is snow?");
  EXPECT_TRUE(ledger_->find(good_reply_));
  EXPECT_EQ(ledger_->training_rows_of("sft").size(), 1U);
  EXPECT_TRUE(ledger_->training_rows_of("dpo").empty());
  EXPECT_TRUE(ledger_->training_rows_with(good_reply_).size() == 1U);
}

TEST_F(ForgetTest, NamesAndRecordsTheModelsThatHadLearnedFromIt) {
  EXPECT_THAT(names(ledger_->forget_source("bad", false)), ElementsAre("aligned", "child"));
  const auto recorded = ledger_->removals();
  ASSERT_EQ(recorded.size(), 1U);
  EXPECT_EQ(recorded[0].source, "bad");
  EXPECT_EQ(recorded[0].models, R"([{"name":"aligned","hash":"aligned"},{"name":"child","hash":"child"}])");
}

TEST_F(ForgetTest, StagesThatLoseFactsAreDoneAgain) {
  EXPECT_THAT(ledger_->forget_source("bad", false).stages, ElementsAre("dpo", "round 1 / collect"));
  EXPECT_FALSE(ledger_->find_stage_end("collect"));
  EXPECT_TRUE(ledger_->find_stage_end("other"));
}

TEST_F(ForgetTest, LeavesNoneOfItsWordsInTheFiles) {
  ASSERT_THAT(bytes(), HasSubstr("SECRET"));
  ledger_->forget_source("bad", false);
  EXPECT_THAT(bytes(), Not(HasSubstr("SECRET")));
}

TEST_F(ForgetTest, ADryRunSaysTheSameAndChangesNothing) {
  const auto removal = ledger_->forget_source("bad", true);
  EXPECT_THAT(names(removal), ElementsAre("aligned", "child"));
  EXPECT_TRUE(ledger_->find(bad_reply_));
  EXPECT_TRUE(ledger_->find_stage_end("collect"));
  EXPECT_TRUE(ledger_->removals().empty());
  EXPECT_EQ(ledger_->forget_source("bad", false).counts, removal.counts);
}

TEST_F(ForgetTest, AReplyThatTheSourceGaveGoesWithTheTurnsThatFollowIt) {
  auto made = reply(good_, "SECRET FACT");
  made.kind = GenerationKind::kSynthetic;
  made.origin = "pipeline";
  const auto id = ledger_->add(made);
  auto next = prompt("good", "What is snow?");
  next.dialog.messages.push_back(made.reply[0]);
  next.dialog.messages.push_back({.sender = chat::Sender::kUser, .content = "Really?"});
  next.parent = good_;
  next.turn = 1;
  const auto following = ledger_->add(next);
  next.dialog.messages[1].content = "Frozen water.";
  const auto unrelated = ledger_->add(next);
  ledger_->forget_source("pipeline", false);
  EXPECT_FALSE(ledger_->find(id));
  EXPECT_FALSE(ledger_->find(following));
  EXPECT_TRUE(ledger_->find(unrelated));
  EXPECT_TRUE(ledger_->find(good_reply_));
}

TEST_F(ForgetTest, AnUnknownSourceIsRefusedWithTheKnownOnes) {
  try {
    ledger_->forget_source("ugly", false);
    FAIL();
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("bad, good"));
  }
}

}  // namespace
}  // namespace drover::ledger
