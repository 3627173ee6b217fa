#include "judge/pairwise.h"
#include "preference/annotator.h"

namespace drover::preference {
namespace {

using chat::PreferenceLevel;

class JudgeAnnotator final : public Annotator {
 public:
  JudgeAnnotator(judge::Judge& judge, const LevelCuts& cuts) : judge_(judge), cuts_(cuts) { cuts_.validate(); }

  std::string name() const override { return "judge " + judge_.name(); }

  std::optional<Judgement> compare(const ledger::Prompt& prompt, const ledger::Generation& first,
                                   const ledger::Generation& second) override {
    const Question question{.prompt = prompt, .first = first, .second = second};
    return compare_all(std::span(&question, 1)).front();
  }

  std::vector<std::optional<Judgement>> compare_all(std::span<const Question> questions) override {
    std::vector<judge::ReplyPair> pairs;
    for (const auto& question : questions) {
      pairs.push_back({.prompt = question.prompt.dialog, .first = question.first.reply, .second = question.second.reply});
    }
    std::vector<std::optional<Judgement>> judgements;
    for (const auto& verdict : judge::compare_pairs(judge_, pairs, {.allow_tie = true})) {
      judgements.emplace_back(judgement_of(verdict));
    }
    return judgements;
  }

 private:
  Judgement judgement_of(const judge::PairwiseVerdict& verdict) const {
    if (!verdict.is_valid) return {.reason = "no valid answer"};
    if (verdict.is_contradiction) return {.reason = "the other answer when the replies are swapped"};
    if (judge_.uses_probabilities()) return cuts_.judgement(verdict.probability_first);
    if (verdict.winner == judge::Winner::kTie) return {.reason = "equally good in both orders"};
    return {.preferred = verdict.winner == judge::Winner::kFirst ? Judgement::Preferred::kFirst
                                                                  : Judgement::Preferred::kSecond,
            .level = verdict.is_unanimous ? PreferenceLevel::kBetter : PreferenceLevel::kSlight,
            .reason = verdict.is_unanimous ? "preferred in both orders" : "preferred in one order, a tie in the other"};
  }

  judge::Judge& judge_;
  LevelCuts cuts_;
};

}  // namespace

std::unique_ptr<Annotator> make_judge_annotator(judge::Judge& judge, const LevelCuts& cuts) {
  return std::make_unique<JudgeAnnotator>(judge, cuts);
}

}  // namespace drover::preference
