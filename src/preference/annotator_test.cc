#include "preference/annotator.h"

#include <gmock/gmock.h>

#include <cmath>

#include "base/error.h"
#include "evaluate/scripted_generator_test.h"
#include "preference/new_ledger_test.h"

namespace drover::preference {
namespace {

using chat::PreferenceLevel;
using Preferred = Judgement::Preferred;

ledger::Generation reply(const std::string& text, chat::Ending ending = chat::Ending::kTurn) {
  ledger::Generation generation;
  generation.reply = {{.sender = chat::Sender::kAssistant, .content = text, .ending = ending}};
  return generation;
}

// Rewards that stand in the replies.
std::vector<double> written_rewards(const chat::Dialog&, std::span<const std::vector<chat::Message>> replies) {
  std::vector<double> rewards;
  for (const auto& messages : replies) rewards.push_back(std::stod(messages[0].content));
  return rewards;
}

Judgement by_rewards(const ledger::Generation& first, const ledger::Generation& second) {
  return *make_reward_annotator("m", written_rewards)->compare(open_prompt("q"), first, second);
}

std::string logit(double probability) { return std::to_string(std::log(probability / (1 - probability))); }

TEST(RewardAnnotator, LevelsAreCutFromTheProbabilityOfBradleyAndTerry) {
  const std::vector<std::pair<double, PreferenceLevel>> expected = {{0.51, PreferenceLevel::kNone},
                                                                    {0.56, PreferenceLevel::kMarginal},
                                                                    {0.66, PreferenceLevel::kSlight},
                                                                    {0.76, PreferenceLevel::kBetter},
                                                                    {0.91, PreferenceLevel::kSignificant}};
  for (const auto& [probability, level] : expected) {
    const auto judgement = by_rewards(reply(logit(probability)), reply("0"));
    EXPECT_EQ(judgement.level, level) << probability;
    EXPECT_EQ(judgement.preferred, level == PreferenceLevel::kNone ? Preferred::kNeither : Preferred::kFirst);
    const auto swapped = by_rewards(reply("0"), reply(logit(probability)));
    EXPECT_EQ(swapped.level, level);
    EXPECT_EQ(swapped.preferred, level == PreferenceLevel::kNone ? Preferred::kNeither : Preferred::kSecond);
  }
}

TEST(RewardAnnotator, ACutReplyIsNeverPreferred) {
  EXPECT_EQ(by_rewards(reply("9", chat::Ending::kCut), reply("0")).preferred, Preferred::kNeither);
  EXPECT_EQ(by_rewards(reply("0", chat::Ending::kCut), reply("9")).preferred, Preferred::kSecond);
}

TEST(RewardAnnotator, ARewardThatIsNoNumberIsNoPreference) {
  EXPECT_EQ(by_rewards(reply("nan"), reply("0")).level, PreferenceLevel::kNone);
}

TEST(LevelCuts, MustRise) {
  EXPECT_THROW((LevelCuts{.marginal = 0.4}.validate()), base::UserError);
  EXPECT_THROW((LevelCuts{.slight = 0.8}.validate()), base::UserError);
  EXPECT_THROW((LevelCuts{.significant = 1.0}.validate()), base::UserError);
}

Judgement by_judge(const evaluate::ScriptedGenerator::Answer& answer) {
  evaluate::ScriptedGenerator model("scripted", answer);
  judge::Judge judge(model, {}, {.give_up_after = 0});
  const auto annotator = make_judge_annotator(judge);
  EXPECT_EQ(annotator->name(), "judge scripted");
  return *annotator->compare(open_prompt("q"), reply("one"), reply("two"));
}

bool shows_one_first(const std::string& question) { return question.find("### Answer A\none") != std::string::npos; }

TEST(JudgeAnnotator, IsSurerWhenBothOrdersAgree) {
  const auto sure = by_judge([](const std::string& question, std::int64_t) { return shows_one_first(question) ? "B" : "A"; });
  EXPECT_EQ(sure.preferred, Preferred::kSecond);
  EXPECT_EQ(sure.level, PreferenceLevel::kBetter);
  const auto half = by_judge([](const std::string& question, std::int64_t) { return shows_one_first(question) ? "A" : "C"; });
  EXPECT_EQ(half.preferred, Preferred::kFirst);
  EXPECT_EQ(half.level, PreferenceLevel::kSlight);
}

TEST(JudgeAnnotator, ContradictionsTiesAndInvalidAnswersAreNoPreference) {
  for (const std::string answer : {"A", "C", "well"}) {
    const auto judgement = by_judge([&](const std::string&, std::int64_t) { return answer; });
    EXPECT_EQ(judgement.preferred, Preferred::kNeither) << answer;
    EXPECT_EQ(judgement.level, PreferenceLevel::kNone) << answer;
  }
}

std::unique_ptr<Annotator> chain(bool with_rewards) {
  std::vector<std::unique_ptr<Annotator>> members;
  members.push_back(make_verifier_annotator());
  if (with_rewards) members.push_back(make_reward_annotator("m", written_rewards));
  return make_chain_annotator(std::move(members));
}

TEST(ChainAnnotator, TheFirstWithAPreferenceDecides) {
  const auto prompt = evaluate::question("3+4", "7");
  const auto by_verifier = *chain(true)->compare(prompt, reply("7"), reply("8"));
  EXPECT_EQ(by_verifier.annotator, "verifier");
  EXPECT_EQ(by_verifier.preferred, Preferred::kFirst);
  const auto by_reward = *chain(true)->compare(prompt, reply("5"), reply("8"));  // both wrong
  EXPECT_EQ(by_reward.annotator, "reward m");
  EXPECT_EQ(by_reward.preferred, Preferred::kSecond);
}

TEST(ChainAnnotator, PassesOverWhoCannotCompare) {
  EXPECT_EQ(chain(true)->compare(open_prompt("q"), reply("9"), reply("1"))->annotator, "reward m");
  EXPECT_THROW(chain(false)->compare(open_prompt("q"), reply("9"), reply("1")), base::UserError);
}

class PeopleAnnotatorTest : public WithLedger {};

TEST_F(PeopleAnnotatorTest, AsksThroughTheLedgerAndWaits) {
  const auto prompt = ledger_->add(open_prompt("q"));
  const auto first = add_reply(prompt, "a", "one");
  const auto second = add_reply(prompt, "b", "two");
  const auto people = make_people_annotator(*ledger_, "key");
  EXPECT_FALSE(people->compare(open_prompt("q"), first, second).has_value());
  EXPECT_FALSE(people->compare(open_prompt("q"), first, second).has_value());
  const auto requests = ledger_->pending_requests("key");
  ASSERT_EQ(requests.size(), 1U);  // asked once
  ledger_->add(ledger::ComparisonAnswer{.request = requests[0],
                                        .annotator = "anna",
                                        .preferred = ledger::ComparisonAnswer::Preferred::kSecond,
                                        .level = PreferenceLevel::kSlight,
                                        .reason = "shorter"});
  const auto judgement = people->compare(open_prompt("q"), first, second);
  ASSERT_TRUE(judgement.has_value());
  EXPECT_EQ(judgement->preferred, Preferred::kSecond);
  EXPECT_EQ(judgement->level, PreferenceLevel::kSlight);
  EXPECT_EQ(judgement->annotator, "anna");
}

TEST_F(PeopleAnnotatorTest, AChainAsksPeopleOnlyWhereNobodyElseKnows) {
  const auto prompt = ledger_->add(evaluate::question("3+4", "7"));
  std::vector<std::unique_ptr<Annotator>> members;
  members.push_back(make_verifier_annotator());
  members.push_back(make_people_annotator(*ledger_, "key"));
  const auto annotator = make_chain_annotator(std::move(members));
  const auto asked = evaluate::question("3+4", "7");
  EXPECT_TRUE(annotator->compare(asked, add_reply(prompt, "a", "7"), add_reply(prompt, "b", "8")).has_value());
  EXPECT_FALSE(annotator->compare(asked, add_reply(prompt, "c", "7."), add_reply(prompt, "d", "7!")).has_value());
  EXPECT_EQ(ledger_->pending_requests("key").size(), 1U);
}

}  // namespace
}  // namespace drover::preference
