#include "preference/collect.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "base/error.h"
#include "evaluate/scripted_generator_test.h"

namespace drover::preference {
namespace {

using chat::PreferenceLevel;
using evaluate::question;
using evaluate::ScriptedGenerator;

ledger::Generation reply(const std::string& text, chat::Ending ending = chat::Ending::kTurn) {
  chat::Message message;
  message.sender = chat::Sender::kAssistant;
  message.content = text;
  message.ending = ending;
  ledger::Generation generation;
  generation.reply = {message};
  return generation;
}

Judgement judge(const ledger::Generation& first, const ledger::Generation& second) {
  return *make_verifier_annotator()->compare(question("3+4", "7"), first, second);
}

TEST(VerifierAnnotator, PrefersTheRightReplyWhicheverStandsFirst) {
  EXPECT_EQ(judge(reply("7"), reply("8")).preferred, Judgement::Preferred::kFirst);
  EXPECT_EQ(judge(reply("8"), reply("7")).preferred, Judgement::Preferred::kSecond);
  EXPECT_EQ(judge(reply("8"), reply("7")).level, PreferenceLevel::kSignificant);
}

TEST(VerifierAnnotator, LikesAWrongAnswerSlightlyBetterThanNone) {
  EXPECT_EQ(judge(reply("8"), reply("I do not know")).level, PreferenceLevel::kSlight);
  EXPECT_EQ(judge(reply("7", chat::Ending::kCut), reply("8")).preferred,
            Judgement::Preferred::kSecond);  // cut: no answer
}

TEST(VerifierAnnotator, HasNoPreferenceBetweenEqualGrades) {
  for (const auto& judgement :
       {judge(reply("7"), reply("seven is 7")), judge(reply("8"), reply("9")), judge(reply(""), reply("x"))}) {
    EXPECT_EQ(judgement.preferred, Judgement::Preferred::kNeither);
    EXPECT_EQ(judgement.level, PreferenceLevel::kNone);
  }
}

class CollectTest : public ::testing::Test {
 protected:
  CollectTest() : folder_(std::filesystem::path(::testing::TempDir()) / fmt::format("drover-collect-{}", getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    ledger_ = std::make_unique<ledger::Ledger>(folder_ / "ledger.sqlite", ledger::Ledger::OpenMode::kCreate);
  }
  ~CollectTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
  std::unique_ptr<ledger::Ledger> ledger_;
};

TEST_F(CollectTest, ComparesRepliesOfTwoDifferentModels) {
  std::vector<ledger::PromptId> prompts;
  for (int i = 0; i < 30; ++i) prompts.push_back(ledger_->add(question(std::to_string(i) + "+0", std::to_string(i))));
  ScriptedGenerator right("right",
                          [](const std::string& asked, std::int64_t) { return asked.substr(0, asked.find('+')); });
  ScriptedGenerator wrong("wrong",
                          [](const std::string&, std::int64_t sample) { return std::to_string(100 + sample); });
  ScriptedGenerator silent("silent", [](const std::string&, std::int64_t) { return std::string("..."); });
  const std::vector<evaluate::Responder> models = {{&right, "t"}, {&wrong, "t"}, {&silent, "t"}};
  const auto annotator = make_verifier_annotator();
  const auto collected = collect_comparisons(
      prompts, models, *annotator, {.stage = "key", .sampling = {}, .comparisons_per_prompt = 2, .seed = 3}, *ledger_);
  EXPECT_EQ(collected.comparisons.size(), 60U);
  std::set<std::string> preferred;
  for (const auto id : collected.comparisons) {
    const auto comparison = ledger_->find(id);
    const auto better = ledger_->find(comparison->preferred);
    const auto worse = ledger_->find(comparison->other);
    EXPECT_NE(better->model, worse->model);
    EXPECT_NE(worse->model, "right");
    EXPECT_EQ(better->prompt, worse->prompt);
    EXPECT_EQ(comparison->level, better->model == "right" ? PreferenceLevel::kSignificant : PreferenceLevel::kSlight);
    preferred.insert(better->model);
  }
  EXPECT_EQ(preferred, (std::set<std::string>{"right", "wrong"}));  // all pairs of models meet
}

TEST_F(CollectTest, SkipsPairsOfEqualReplies) {
  const std::vector<ledger::PromptId> prompts = {ledger_->add(question("1+1", "2"))};
  ScriptedGenerator one("one", [](const std::string&, std::int64_t) { return std::string("2"); });
  ScriptedGenerator two("two", [](const std::string&, std::int64_t) { return std::string("2"); });
  const auto annotator = make_verifier_annotator();
  const auto collected = collect_comparisons(prompts, std::vector<evaluate::Responder>{{&one, "t"}, {&two, "t"}},
                                             *annotator, {.stage = "key", .sampling = {}}, *ledger_);
  EXPECT_TRUE(collected.comparisons.empty());
  EXPECT_EQ(collected.num_equal, 1);
}

TEST_F(CollectTest, NeedsTwoModels) {
  ScriptedGenerator one("one", [](const std::string&, std::int64_t) { return std::string("2"); });
  const auto annotator = make_verifier_annotator();
  EXPECT_THROW(collect_comparisons({}, std::vector<evaluate::Responder>{{&one, "t"}}, *annotator,
                                   {.stage = "key", .sampling = {}}, *ledger_),
               base::UserError);
}

TEST_F(CollectTest, RefusesTheSameModelTwice) {
  ScriptedGenerator one("one", [](const std::string&, std::int64_t) { return std::string("2"); });
  const auto annotator = make_verifier_annotator();
  EXPECT_THROW(collect_comparisons({}, std::vector<evaluate::Responder>{{&one, "t"}, {&one, "t"}}, *annotator,
                                   {.stage = "key", .sampling = {}}, *ledger_),
               base::UserError);
}

// A person who has not answered yet.
class Absent final : public Annotator {
 public:
  std::string name() const override { return "absent"; }
  std::optional<Judgement> compare(const ledger::Prompt&, const ledger::Generation&,
                                   const ledger::Generation&) override {
    return std::nullopt;
  }
};

TEST_F(CollectTest, CountsWhatPeopleHaveNotAnsweredYet) {
  const std::vector<ledger::PromptId> prompts = {ledger_->add(question("1+1", "2"))};
  ScriptedGenerator one("one", [](const std::string&, std::int64_t) { return std::string("2"); });
  ScriptedGenerator two("two", [](const std::string&, std::int64_t) { return std::string("3"); });
  Absent absent;
  const auto collected = collect_comparisons(prompts, std::vector<evaluate::Responder>{{&one, "t"}, {&two, "t"}},
                                             absent, {.stage = "key", .sampling = {}}, *ledger_);
  EXPECT_EQ(collected.num_waiting, 1);
  EXPECT_EQ(ledger_->generations_of("key").size(), 2U);  // what they are asked about is recorded
}

// The one with the larger number is better.
class Larger final : public Annotator {
 public:
  std::string name() const override { return "larger"; }
  std::optional<Judgement> compare(const ledger::Prompt&, const ledger::Generation& first,
                                   const ledger::Generation& second) override {
    ++num_asked;
    const bool first_wins = evaluate::text_of(first.reply) > evaluate::text_of(second.reply);
    return Judgement{.preferred = first_wins ? Judgement::Preferred::kFirst : Judgement::Preferred::kSecond,
                     .level = PreferenceLevel::kBetter};
  }
  int num_asked = 0;
};

TEST_F(CollectTest, DoesNotAskAgainWhatIsRecorded) {
  std::vector<ledger::PromptId> prompts;
  for (int i = 0; i < 5; ++i) prompts.push_back(ledger_->add(question(std::to_string(i), "0")));
  ScriptedGenerator one("one", [](const std::string&, std::int64_t) { return std::string("1"); });
  ScriptedGenerator two("two", [](const std::string&, std::int64_t) { return std::string("2"); });
  const std::vector<evaluate::Responder> models = {{&one, "t"}, {&two, "t"}};
  Larger annotator;
  const auto first = collect_comparisons(prompts, models, annotator, {.stage = "key", .sampling = {}}, *ledger_);
  const auto again = collect_comparisons(prompts, models, annotator, {.stage = "key", .sampling = {}}, *ledger_);
  EXPECT_EQ(annotator.num_asked, 5);
  EXPECT_EQ(again.comparisons, first.comparisons);
  EXPECT_EQ(again.by_level, first.by_level);
}

TEST_F(CollectTest, SecondOpinionsAreKeptApartFromWhatIsTrainedOn) {
  std::vector<ledger::PromptId> prompts;
  for (int i = 0; i < 40; ++i) prompts.push_back(ledger_->add(question(std::to_string(i), "2")));
  ScriptedGenerator one("one", [](const std::string&, std::int64_t) { return std::string("1"); });
  ScriptedGenerator two("two", [](const std::string&, std::int64_t) { return std::string("2"); });
  const std::vector<evaluate::Responder> models = {{&one, "t"}, {&two, "t"}};
  Larger annotator;
  const auto verifier = make_verifier_annotator();
  CollectPlan plan{.stage = "key", .sampling = {}};
  plan.second_opinions = {verifier.get()};
  plan.second_opinion_share = 0.5;
  const auto collected = collect_comparisons(prompts, models, annotator, plan, *ledger_);
  EXPECT_EQ(collected.comparisons.size(), 40U);
  EXPECT_EQ(ledger_->comparisons_of("key").size(), 40U);
  const auto opinions = ledger_->comparisons_of(second_opinions_of("key"));
  EXPECT_GT(opinions.size(), 10U);
  EXPECT_LT(opinions.size(), 30U);
  for (const auto id : opinions) EXPECT_EQ(ledger_->find(id)->annotator, "verifier");
}

}  // namespace
}  // namespace drover::preference
