#include "judge/pairwise.h"

#include "judge/prompts.h"

namespace drover::judge {
namespace {

constexpr std::size_t kTieChoice = 2;

// Of the reply that was shown first being better.
double probability_of_shown_first(const Choice& answer) {
  if (answer.probabilities.empty()) return *answer.chosen == kTieChoice ? 0.5 : *answer.chosen == 0 ? 1.0 : 0.0;
  const double tie = answer.probabilities.size() > kTieChoice ? answer.probabilities[kTieChoice] : 0.0;
  return answer.probabilities[0] + tie / 2;
}

Winner winner_of(const Choice& answer, bool is_swapped) {
  if (*answer.chosen == kTieChoice) return Winner::kTie;
  return (*answer.chosen == 0) != is_swapped ? Winner::kFirst : Winner::kSecond;
}

PairwiseVerdict verdict_of(const Choice& straight, const Choice& swapped) {
  PairwiseVerdict verdict;
  for (const auto* answer : {&straight, &swapped}) {
    if (!answer->is_valid() || *answer->chosen == kTieChoice) continue;
    ++verdict.num_decided;
    verdict.num_shown_first += *answer->chosen == 0 ? 1 : 0;
  }
  verdict.is_valid = straight.is_valid() && swapped.is_valid();
  if (!verdict.is_valid) return verdict;
  verdict.probability_first = (probability_of_shown_first(straight) + 1 - probability_of_shown_first(swapped)) / 2;
  const auto one = winner_of(straight, false);
  const auto other = winner_of(swapped, true);
  verdict.is_contradiction = one != Winner::kTie && other != Winner::kTie && one != other;
  verdict.is_unanimous = one == other && one != Winner::kTie;
  if (!verdict.is_contradiction) verdict.winner = one == Winner::kTie ? other : one;
  return verdict;
}

}  // namespace

std::vector<PairwiseVerdict> compare_pairs(Judge& judge, std::span<const ReplyPair> pairs,
                                           const PairwiseOptions& options) {
  std::vector<std::string> choices = {"A", "B"};
  if (options.allow_tie) choices.push_back("C");
  std::vector<std::string> questions;
  for (const auto& pair : pairs) {
    questions.push_back(pairwise_prompt(pair.prompt, pair.first, pair.second, options.allow_tie));
    questions.push_back(pairwise_prompt(pair.prompt, pair.second, pair.first, options.allow_tie));
  }
  const auto answers = judge.choose(questions, choices);
  std::vector<PairwiseVerdict> verdicts;
  for (std::size_t i = 0; i < pairs.size(); ++i) verdicts.push_back(verdict_of(answers[2 * i], answers[2 * i + 1]));
  return verdicts;
}

}  // namespace drover::judge
