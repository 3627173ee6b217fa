#include "preference/agreement.h"

#include <gmock/gmock.h>

#include "preference/new_ledger_test.h"

namespace drover::preference {
namespace {

using ::testing::ElementsAre;

constexpr std::nullopt_t kNone = std::nullopt;

// Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", section C: four observers, twelve units.
Ratings krippendorffs_example() {
  const std::vector<std::vector<std::optional<int>>> by_observer = {
      {1, 2, 3, 3, 2, 1, 4, 1, 2, kNone, kNone, kNone},
      {1, 2, 3, 3, 2, 2, 4, 1, 2, 5, kNone, 3},
      {kNone, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, kNone},
      {1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, kNone}};
  Ratings ratings(12);
  for (std::size_t unit = 0; unit < ratings.size(); ++unit) {
    for (const auto& observer : by_observer) ratings[unit].push_back(observer[unit]);
  }
  return ratings;
}

// Two annotators who agree and differ so often.
Ratings table(int both_yes, int only_first, int only_second, int both_no) {
  Ratings ratings;
  for (int i = 0; i < both_yes; ++i) ratings.push_back({1, 1});
  for (int i = 0; i < only_first; ++i) ratings.push_back({1, 0});
  for (int i = 0; i < only_second; ++i) ratings.push_back({0, 1});
  for (int i = 0; i < both_no; ++i) ratings.push_back({0, 0});
  return ratings;
}

TEST(KrippendorffsAlpha, IsWhatItsAuthorComputes) {
  EXPECT_NEAR(*krippendorffs_alpha(krippendorffs_example(), Scale::kNominal), 0.743, 5e-4);
  EXPECT_NEAR(*krippendorffs_alpha(krippendorffs_example(), Scale::kOrdinal), 0.815, 5e-4);
}

TEST(KrippendorffsAlpha, OfTwoObserversIsWhatItsAuthorComputes) {
  // The same paper, section A: binary data of two observers and ten units.
  const std::vector<int> first = {0, 1, 0, 0, 0, 0, 0, 0, 1, 0};
  const std::vector<int> second = {1, 1, 1, 0, 0, 1, 0, 0, 0, 0};
  Ratings ratings;
  for (std::size_t i = 0; i < first.size(); ++i) ratings.push_back({first[i], second[i]});
  EXPECT_NEAR(*krippendorffs_alpha(ratings, Scale::kNominal), 0.095, 5e-4);
}

TEST(KrippendorffsAlpha, IsUnknownWithoutDisagreementByChance) {
  EXPECT_FALSE(krippendorffs_alpha({{1, 1}, {1, 1}}, Scale::kNominal).has_value());
  EXPECT_FALSE(krippendorffs_alpha({{1, kNone}, {kNone, 2}}, Scale::kNominal).has_value());
}

TEST(CohensKappa, IsThatOfWorkedExamples) {
  EXPECT_NEAR(*cohens_kappa(table(20, 5, 10, 15)), 0.4, 1e-12);         // (0.7 - 0.5) / (1 - 0.5)
  EXPECT_NEAR(*cohens_kappa(table(45, 15, 25, 15)), 0.1304, 5e-5);      // (0.60 - 0.54) / 0.46
  EXPECT_NEAR(*cohens_kappa(table(25, 35, 5, 35)), 0.2593, 5e-5);       // (0.60 - 0.46) / 0.54
  EXPECT_FALSE(cohens_kappa({{1, kNone}}).has_value());
}

TEST(RawAgreement, IsTheShareOfEqualPairs) {
  EXPECT_NEAR(*raw_agreement(table(20, 5, 10, 15)), 0.7, 1e-12);
  EXPECT_NEAR(*raw_agreement({{1, 1, 2}, {3, kNone, 3}}), 0.5, 1e-12);  // (1,1) (1,2) (1,2) (3,3)
  EXPECT_FALSE(raw_agreement({{1, kNone}}).has_value());
}

class AgreementTest : public WithLedger {
 protected:
  void compare(const ledger::Generation& preferred, const ledger::Generation& other, chat::PreferenceLevel level,
               const std::string& annotator, const std::string& stage) {
    ledger_->add(ledger::Comparison{.prompt = preferred.prompt,
                                    .stage = stage,
                                    .preferred = ledger::id_of(preferred),
                                    .other = ledger::id_of(other),
                                    .level = level,
                                    .annotator = annotator,
                                    .reason = {}});
  }
};

TEST_F(AgreementTest, IsOverThePairsThatSeveralAnnotatorsSaw) {
  for (int i = 0; i < 4; ++i) {
    const auto prompt = ledger_->add(open_prompt(std::to_string(i)));
    const auto one = add_reply(prompt, "a", "one");
    const auto two = add_reply(prompt, "b", "two");
    compare(one, two, chat::PreferenceLevel::kBetter, "verifier", "key");
    // The judge agrees on the first two, in other words and another order; it does not see the last one.
    if (i < 2) compare(one, two, chat::PreferenceLevel::kSlight, "judge", "more");
    if (i == 2) compare(two, one, chat::PreferenceLevel::kSlight, "judge", "more");
  }
  const std::vector<std::string> stages = {"key", "more"};
  const auto agreement = measure_agreement(*ledger_, stages);
  EXPECT_THAT(agreement.annotators, ElementsAre("judge", "verifier"));
  EXPECT_EQ(agreement.pairs, 3);
  EXPECT_NEAR(*agreement.raw, 2.0 / 3, 1e-12);
  EXPECT_EQ(measure_agreement_by_two(*ledger_, stages).size(), 1U);
  EXPECT_EQ(measure_agreement(*ledger_, std::vector<std::string>{"key"}).pairs, 0);
}

}  // namespace
}  // namespace drover::preference
