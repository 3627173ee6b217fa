#include "engine/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/random_stream.h"

namespace drover::engine {
namespace {

using text::TokenId;

/// Logits whose softmax is proportional to `weights`.
std::vector<float> logits_of(const std::vector<double>& weights) {
  std::vector<float> logits;
  for (const double weight : weights) logits.push_back(static_cast<float>(std::log(weight)));
  return logits;
}

std::map<int, double> as_map(const std::vector<Candidate>& candidates) {
  std::map<int, double> map;
  for (const auto& candidate : candidates) map[text::to_int(candidate.id)] = candidate.probability;
  return map;
}

std::map<int, double> distribution(const std::vector<double>& weights, const SamplingOptions& options,
                                   const SamplingContext& context = {}) {
  return as_map(next_token_distribution(logits_of(weights), options, context));
}

void expect_distribution(const std::map<int, double>& actual, const std::map<int, double>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [id, probability] : expected) {
    ASSERT_TRUE(actual.contains(id)) << "token " << id;
    EXPECT_NEAR(actual.at(id), probability, 1e-6) << "token " << id;
  }
}

TEST(Sampler, WithoutCutsTheDistributionIsTheSoftmax) {
  expect_distribution(distribution({1, 2, 3, 4}, {}), {{0, 0.1}, {1, 0.2}, {2, 0.3}, {3, 0.4}});
}

TEST(Sampler, TemperatureOneHalfSquaresTheProbabilities) {
  expect_distribution(distribution({1, 2, 3, 4}, {.temperature = 0.5}),
                      {{0, 1.0 / 30}, {1, 4.0 / 30}, {2, 9.0 / 30}, {3, 16.0 / 30}});
}

TEST(Sampler, RanksTheMostProbableTokensByTheirLogSoftmax) {
  const auto logits = logits_of({2, 4, 1, 4, 9});  // a sum of 20
  const auto top = most_probable(logits, 4);
  ASSERT_EQ(top.size(), 4U);
  const std::vector<std::pair<int, double>> expected = {{4, 9.0 / 20}, {1, 4.0 / 20}, {3, 4.0 / 20}, {0, 2.0 / 20}};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(top[i].id, TokenId{expected[i].first});
    EXPECT_NEAR(top[i].log_prob, std::log(expected[i].second), 1e-6);
    EXPECT_EQ(top[i].log_prob, log_prob_of(logits, top[i].id));
  }
  EXPECT_EQ(most_probable(logits, 9).size(), 5U);
  EXPECT_TRUE(most_probable(logits, 0).empty());
  EXPECT_THROW(most_probable(std::vector<float>{1.0F, NAN}, 1), base::UserError);
}

TEST(Sampler, RanksALargeVocabularyAsSortingItAllDoes) {
  base::RandomStream random(3, "logits");
  std::vector<float> logits;
  for (int i = 0; i < 5000; ++i) logits.push_back(static_cast<float>(random.below(300)) / 10.0F);  // many are equal
  std::vector<std::int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto left, auto right) { return logits[static_cast<std::size_t>(left)] > logits[static_cast<std::size_t>(right)]; });
  const auto top = most_probable(logits, 20);
  ASSERT_EQ(top.size(), 20U);
  for (std::size_t i = 0; i < top.size(); ++i) EXPECT_EQ(text::to_int(top[i].id), order[i]);
}

TEST(Sampler, TopKKeepsTheMostProbableAndTheLowerIdOfEqualOnes) {
  expect_distribution(distribution({1, 2, 3, 4}, {.top_k = 2}), {{2, 3.0 / 7}, {3, 4.0 / 7}});
  expect_distribution(distribution({3, 2, 2, 2}, {.top_k = 2}), {{0, 0.6}, {1, 0.4}});
  expect_distribution(distribution({1, 1}, {.top_k = 9}), {{0, 0.5}, {1, 0.5}});
}

TEST(Sampler, TopPKeepsTheFewestTokensThatReachTheMass) {
  // Falling: 0.4, 0.7, 0.9, 1.0.
  expect_distribution(distribution({1, 2, 3, 4}, {.top_p = 0.35}), {{3, 1.0}});
  expect_distribution(distribution({1, 2, 3, 4}, {.top_p = 0.65}), {{2, 3.0 / 7}, {3, 4.0 / 7}});
  expect_distribution(distribution({1, 2, 3, 4}, {.top_p = 0.75}), {{1, 2.0 / 9}, {2, 3.0 / 9}, {3, 4.0 / 9}});
  expect_distribution(distribution({1, 2, 3, 4}, {.top_p = 0.95}), {{0, 0.1}, {1, 0.2}, {2, 0.3}, {3, 0.4}});
}

TEST(Sampler, TopPFindsTheMassAcrossAThousandEqualTokens) {
  const auto kept = distribution(std::vector<double>(1000, 1.0), {.top_p = 0.5004});
  EXPECT_EQ(kept.size(), 501U);
  EXPECT_TRUE(kept.contains(0));
  EXPECT_TRUE(kept.contains(500));
}

TEST(Sampler, TopPMeasuresTheMassOfWhatTopKLeft) {
  // After top-k 2 the falling masses are 4/7 and 1; 0.55 is below the first.
  expect_distribution(distribution({1, 2, 3, 4}, {.top_k = 2, .top_p = 0.55}), {{3, 1.0}});
}

TEST(Sampler, MinPKeepsTokensAboveAShareOfTheMostProbable) {
  // The threshold is 0.6 x 0.4 = 0.24.
  expect_distribution(distribution({1, 2, 3, 4}, {.min_p = 0.6}), {{2, 3.0 / 7}, {3, 4.0 / 7}});
  expect_distribution(distribution({1, 2, 3, 4}, {.min_p = 1.0}), {{3, 1.0}});
}

TEST(Sampler, BannedTokensCannotBeDrawn) {
  const std::vector<TokenId> banned{TokenId{3}};
  expect_distribution(distribution({1, 2, 3, 4}, {}, {.seen = {}, .banned = banned}), {{0, 1.0 / 6}, {1, 2.0 / 6}, {2, 3.0 / 6}});
  EXPECT_EQ(sample(logits_of({1, 2, 3, 4}), {.temperature = 0}, {.seen = {}, .banned = banned}, 0.5).id, TokenId{2});
}

TEST(Sampler, RepetitionPenaltyDividesPositiveAndMultipliesNegativeLogitsOnce) {
  const std::vector<float> logits{2.0F, -1.0F, 1.0F};
  const std::vector<TokenId> seen{TokenId{0}, TokenId{1}, TokenId{0}};
  const double total = std::exp(1.0) + std::exp(-2.0) + std::exp(1.0);
  expect_distribution(as_map(next_token_distribution(logits, {.repetition_penalty = 2.0}, {.seen = seen, .banned = {}})),
                      {{0, std::exp(1.0) / total}, {1, std::exp(-2.0) / total}, {2, std::exp(1.0) / total}});
}

TEST(Sampler, GreedyTakesTheLowestIdOfTheLargestLogitsAndReportsTheModelsProbability) {
  const auto token = sample(logits_of({1, 4, 4, 1}), {.temperature = 0}, {}, 0.99);
  EXPECT_EQ(token.id, TokenId{1});
  EXPECT_NEAR(token.log_prob, std::log(0.4), 1e-6);
  EXPECT_EQ(token.sampled_log_prob, 0.0F);
}

TEST(Sampler, ReportsTheRawProbabilityAndTheOneItDrewFrom) {
  const auto token = sample(logits_of({1, 2, 3, 4}), {.temperature = 0.5, .top_k = 2}, {}, 0.999);
  EXPECT_EQ(token.id, TokenId{2});
  EXPECT_NEAR(token.log_prob, std::log(0.3), 1e-6);
  EXPECT_NEAR(token.sampled_log_prob, std::log(9.0 / 25), 1e-6);
}

TEST(Sampler, ImpossibleTokensAreNeverDrawn) {
  const std::vector<float> logits{-INFINITY, 0.0F, -INFINITY};
  for (const double uniform : {0.0, 0.5, 0.9999999}) EXPECT_EQ(sample(logits, {}, {}, uniform).id, TokenId{1});
}

TEST(Sampler, ATemperatureNearZeroSharesTheMassAmongTheLargestLogits) {
  const std::vector<float> logits{0.5F, 3.0F, -INFINITY, 3.0F, 2.9F};
  for (const double temperature : {1e-4, 1e-39, 1e-300, 1e-320}) {
    for (const auto& [uniform, id] : {std::pair(0.25, 1), std::pair(0.75, 3)}) {
      for (const SamplingOptions& options : {SamplingOptions{.temperature = temperature}, SamplingOptions{.temperature = temperature, .top_p = 0.9}}) {
        const auto token = sample(logits, options, {}, uniform);
        EXPECT_EQ(token.id, TokenId{id}) << temperature;
        EXPECT_NEAR(token.sampled_log_prob, std::log(0.5), 1e-6) << temperature;
      }
    }
  }
}

TEST(Sampler, WhatRoundingLeavesGoesToNoNearlyImpossibleToken) {
  base::RandomStream random(12, "draws");
  for (int round = 0; round < 200; ++round) {
    std::vector<float> logits(40);
    for (auto& logit : logits) logit = static_cast<float>(random.normal());
    logits.back() = -200.0F;
    EXPECT_NE(sample(logits, {}, {}, std::nextafter(1.0, 0.0)).id, TokenId{39}) << "drawn with a probability of e^-200";
  }
}

TEST(Sampler, TheLargestShiftsLeaveNumbers) {
  const std::vector<float> logits{30.0F, -30.0F, 1.0F};
  const std::vector<TokenId> seen{TokenId{0}, TokenId{0}, TokenId{1}};
  for (const double sign : {-1.0, 1.0}) {
    for (const double repetition : {1e-6, 1e6}) {
      SamplingOptions options{.repetition_penalty = repetition, .presence_penalty = sign * 1e30, .frequency_penalty = sign * 1e30};
      options.logit_bias = {{TokenId{0}, 1e30}, {TokenId{1}, -1e30}};
      options.validate();
      EXPECT_TRUE(std::isfinite(sample(logits, options, {.seen = seen}, 0.5).sampled_log_prob));
    }
  }
}

TEST(Sampler, DamagedWeightsAreReportedWithTheTokenWhoseLogitIsNoNumber) {
  const auto message = [](const std::vector<float>& logits, const SamplingOptions& options) -> std::string {
    try {
      sample(logits, options, {}, 0.5);
    } catch (const base::UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  using testing::HasSubstr;
  const float not_a_number = std::nanf("");
  for (const double temperature : {0.0, 1.0}) {
    EXPECT_THAT(message({0.0F, 1.0F, not_a_number}, {.temperature = temperature}), HasSubstr("token 2 the logit nan"));
    EXPECT_THAT(message({not_a_number, 1.0F}, {.temperature = temperature}), HasSubstr("token 0 the logit nan"));
    EXPECT_THAT(message({0.0F, INFINITY}, {.temperature = temperature}), HasSubstr("token 1 the logit inf"));
    EXPECT_THAT(message({-INFINITY, -INFINITY}, {.temperature = temperature}), HasSubstr("all 2 tokens"));
  }
}

TEST(Sampler, BiasAndPenaltiesShiftLogitsAsTheirFormulasSay) {
  const std::vector<TokenId> seen{TokenId{0}, TokenId{1}, TokenId{1}, TokenId{2}};
  const std::vector<float> logits{1.0F, 1.0F, 1.0F, 1.0F};
  SamplingOptions options{.presence_penalty = 0.5, .frequency_penalty = 0.25};
  options.logit_bias = {{TokenId{3}, 2.0}};
  // The prompt is the first token: only the reply 1, 1, 2 counts for presence and frequency.
  const auto candidates = next_token_distribution(logits, options, {.seen = seen, .prompt_tokens = 1});
  const std::vector<double> shaped{1.0, 1.0 - 0.5 - 2 * 0.25, 1.0 - 0.5 - 0.25, 3.0};
  double total = 0.0;
  for (const double logit : shaped) total += std::exp(logit);
  ASSERT_EQ(candidates.size(), 4U);
  for (std::size_t id = 0; id < 4; ++id) EXPECT_NEAR(candidates[id].probability, std::exp(shaped[id]) / total, 1e-6);
  options.logit_bias = {{TokenId{3}, -INFINITY}};
  EXPECT_EQ(next_token_distribution(logits, options, {}).size(), 3U);
}

TEST(Sampler, OnlyAllowedTokensAreDrawn) {
  TokenMask mask(3);
  mask.insert(TokenId{1});
  const std::vector<float> logits{9.0F, 1.0F, 5.0F};
  for (const double temperature : {0.0, 1.0}) {
    const auto token = sample(logits, {.temperature = temperature}, {.allowed = &mask}, 0.99);
    EXPECT_EQ(token.id, TokenId{1});
    EXPECT_NEAR(token.sampled_log_prob, 0.0, 1e-6);
    EXPECT_NEAR(token.log_prob, 1.0 - std::log(std::exp(9.0) + std::exp(1.0) + std::exp(5.0)), 1e-5);
  }
}

TEST(Sampler, DrawsWhatTheDistributionSaysWithAnyOptions) {
  base::RandomStream random(11, "draws");
  for (int round = 0; round < 600; ++round) {
    std::vector<float> logits(static_cast<std::size_t>(1 + random.below(5000)));
    const double spread = 0.01 + 6.0 * random.uniform();
    for (auto& logit : logits) logit = random.below(20) == 0 ? -INFINITY : static_cast<float>(spread * random.normal());
    logits[random.below(logits.size())] = 1.0F;
    SamplingOptions options{.temperature = random.below(8) == 0 ? 0.0 : 0.2 + 1.5 * random.uniform()};
    if (random.below(3) == 0) options.top_k = static_cast<std::int64_t>(1 + random.below(60));
    if (random.below(3) == 0) options.top_p = 0.05 + 0.9499 * random.uniform();
    if (random.below(3) == 0) options.min_p = 0.3 * random.uniform();
    if (random.below(3) == 0) options.presence_penalty = random.normal();
    if (random.below(3) == 0) options.repetition_penalty = 1.3;
    std::vector<TokenId> seen;
    for (int i = 0; i < 20; ++i) seen.push_back(TokenId{static_cast<std::int32_t>(random.below(logits.size()))});
    const SamplingContext context{.seen = seen, .prompt_tokens = 7};
    const auto candidates = next_token_distribution(logits, options, context);
    const double uniform = random.uniform();
    // The token whose share of the mass holds `uniform`; a draw so close to a border that rounding decides is left out.
    double mass = 0.0;
    std::size_t expected = 0;
    while (mass + candidates[expected].probability <= uniform && expected + 1 < candidates.size()) mass += candidates[expected++].probability;
    if (std::min(uniform - mass, mass + candidates[expected].probability - uniform) < 3e-6) continue;
    const auto token = sample(logits, options, context, uniform);
    EXPECT_EQ(token.id, candidates[expected].id) << "round " << round;
    EXPECT_NEAR(token.sampled_log_prob, std::log(candidates[expected].probability), 2e-5 * (1.0 + spread)) << "round " << round;
  }
}

/// The chi-square statistic of `draws` tokens against the distribution that the options define.
double chi_square(const std::vector<double>& weights, const SamplingOptions& options, int draws) {
  const auto logits = logits_of(weights);
  const auto expected = distribution(weights, options);
  const std::vector<TokenId> prompt{TokenId{7}, TokenId{1}};
  std::map<int, int> counts;
  for (int i = 0; i < draws; ++i) {
    ++counts[text::to_int(sample(logits, options, {}, SampleChance(11, prompt, i).at(3)).id)];
  }
  double statistic = 0.0;
  for (const auto& [id, probability] : expected) {
    const double mean = draws * probability;
    statistic += (counts[id] - mean) * (counts[id] - mean) / mean;
    counts.erase(id);
  }
  EXPECT_THAT(counts, testing::IsEmpty()) << "tokens outside the distribution were drawn";
  return statistic;
}

TEST(Sampler, FrequenciesFollowTheDistribution) {
  // 99.9th percentiles of chi-square: 16.27 at 3 degrees of freedom, 13.82 at 2, 10.83 at 1.
  EXPECT_LT(chi_square({1, 2, 3, 4}, {}, 20000), 16.27);
  EXPECT_LT(chi_square({1, 2, 3, 4}, {.temperature = 1.3}, 20000), 16.27);
  EXPECT_LT(chi_square({1, 2, 3, 4}, {.top_p = 0.75}, 20000), 13.82);
  EXPECT_LT(chi_square({1, 2, 3, 4}, {.temperature = 0.7, .min_p = 0.4}, 20000), 10.83);
}

TEST(SampleChance, DependsOnSeedPromptSampleAndPositionOnly) {
  const std::vector<TokenId> prompt{TokenId{1}, TokenId{2}};
  const std::vector<TokenId> other{TokenId{2}, TokenId{1}};
  SampleChance forwards(5, prompt, 2);
  const double first = forwards.at(0);
  const double second = forwards.at(1);
  SampleChance backwards(5, prompt, 2);
  EXPECT_EQ(backwards.at(1), second);
  EXPECT_EQ(backwards.at(0), first);
  EXPECT_NE(first, second);
  EXPECT_NE(SampleChance(6, prompt, 2).at(0), first);
  EXPECT_NE(SampleChance(5, other, 2).at(0), first);
  EXPECT_NE(SampleChance(5, prompt, 3).at(0), first);
}

TEST(SamplingOptions, RefuseWhatIsOutOfRangeByName) {
  const auto message = [](const SamplingOptions& options) -> std::string {
    try {
      options.validate();
    } catch (const base::UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  using testing::HasSubstr;
  EXPECT_EQ(message({}), "accepted");
  EXPECT_THAT(message({.temperature = -0.1}), HasSubstr("temperature = -0.1"));
  EXPECT_THAT(message({.temperature = std::nan("")}), HasSubstr("temperature = nan"));
  EXPECT_THAT(message({.top_k = -1}), HasSubstr("top_k = -1"));
  EXPECT_THAT(message({.top_p = 0.0}), HasSubstr("top_p = 0"));
  EXPECT_THAT(message({.top_p = 1.5}), HasSubstr("top_p = 1.5"));
  EXPECT_THAT(message({.min_p = 1.1}), HasSubstr("min_p = 1.1"));
  EXPECT_THAT(message({.repetition_penalty = 0.0}), HasSubstr("repetition_penalty = 0"));
  EXPECT_THAT(message({.repetition_penalty = 1e-60}), HasSubstr("repetition_penalty = 1e-60"));
  EXPECT_THAT(message({.presence_penalty = -1e300}), HasSubstr("presence_penalty = -1e+300"));
  EXPECT_THAT(message({.frequency_penalty = std::nan("")}), HasSubstr("frequency_penalty = nan"));
  EXPECT_THAT(message({.logit_bias = {{TokenId{4}, 1e300}}}), HasSubstr("logit_bias = 1e+300 of token 4"));
  EXPECT_EQ(message({.logit_bias = {{TokenId{4}, -INFINITY}}}), "accepted");
  EXPECT_THAT(message({.max_tokens = 0}), HasSubstr("max_tokens = 0"));
  EXPECT_THAT(message({.max_tokens = 4, .min_tokens = 5}), HasSubstr("min_tokens = 5"));
  EXPECT_THAT(message({.stop_strings = {""}}), HasSubstr("stop string"));
}

}  // namespace
}  // namespace drover::engine
