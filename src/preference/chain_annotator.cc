#include <algorithm>

#include "base/error.h"
#include "preference/annotator.h"

namespace drover::preference {
namespace {

class ChainAnnotator final : public Annotator {
 public:
  explicit ChainAnnotator(std::vector<std::unique_ptr<Annotator>> members) : members_(std::move(members)) {
    DROVER_CHECK(!members_.empty(), "A chain of no annotators");
  }

  std::string name() const override {
    std::string joined;
    for (const auto& member : members_) joined += (joined.empty() ? "" : "+") + member->name();
    return joined;
  }

  bool can_compare(const ledger::Prompt& prompt) const override {
    return std::any_of(members_.begin(), members_.end(), [&](const auto& member) { return member->can_compare(prompt); });
  }

  std::optional<Judgement> compare(const ledger::Prompt& prompt, const ledger::Generation& first,
                                   const ledger::Generation& second) override {
    const Question question{.prompt = prompt, .first = first, .second = second};
    return compare_all(std::span(&question, 1)).front();
  }

  std::vector<std::optional<Judgement>> compare_all(std::span<const Question> questions) override {
    std::vector<std::optional<Judgement>> judgements(questions.size(), Judgement{});
    std::vector<bool> is_asked(questions.size(), false);
    for (const auto& member : members_) {
      std::vector<Question> open;
      std::vector<std::size_t> places;
      for (std::size_t i = 0; i < questions.size(); ++i) {
        const bool is_open = judgements[i] && judgements[i]->preferred == Judgement::Preferred::kNeither;
        if (!is_open || !member->can_compare(questions[i].prompt)) continue;
        open.push_back(questions[i]);
        places.push_back(i);
        is_asked[i] = true;
      }
      if (open.empty()) continue;
      auto answers = member->compare_all(open);
      for (std::size_t k = 0; k < open.size(); ++k) {
        if (answers[k] && answers[k]->annotator.empty()) answers[k]->annotator = member->name();
        judgements[places[k]] = std::move(answers[k]);
      }
    }
    for (std::size_t i = 0; i < questions.size(); ++i) {
      if (is_asked[i]) continue;
      throw base::UserError("None of the annotators {} can compare replies to prompt {}; add a judge, a reward model or people.",
                            name(), ledger::id_of(questions[i].prompt).hex());
    }
    return judgements;
  }

 private:
  std::vector<std::unique_ptr<Annotator>> members_;
};

}  // namespace

std::unique_ptr<Annotator> make_chain_annotator(std::vector<std::unique_ptr<Annotator>> members) {
  return std::make_unique<ChainAnnotator>(std::move(members));
}

}  // namespace drover::preference
