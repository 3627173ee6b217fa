#include "preference/annotator.h"

namespace drover::preference {
namespace {

Judgement judgement_of(const ledger::ComparisonAnswer& answer) {
  Judgement judgement{.level = answer.level,
                      .reason = answer.reason,
                      .annotator = answer.annotator,
                      .edited = answer.edited,
                      .request = answer.request};
  switch (answer.preferred) {
    case ledger::ComparisonAnswer::Preferred::kFirst:
      judgement.preferred = Judgement::Preferred::kFirst;
      break;
    case ledger::ComparisonAnswer::Preferred::kSecond:
      judgement.preferred = Judgement::Preferred::kSecond;
      break;
    case ledger::ComparisonAnswer::Preferred::kNeither:
      break;
  }
  return judgement;
}

class PeopleAnnotator final : public Annotator {
 public:
  PeopleAnnotator(ledger::Ledger& ledger, std::string stage, std::string who)
      : ledger_(ledger), stage_(std::move(stage)), who_(std::move(who)) {}

  std::string name() const override { return who_; }

  std::optional<Judgement> compare(const ledger::Prompt& prompt, const ledger::Generation& first,
                                   const ledger::Generation& second) override {
    return ask({.prompt = prompt, .first = first, .second = second});
  }

  std::vector<std::optional<Judgement>> compare_all(std::span<const Question> questions) override {
    std::vector<std::optional<Judgement>> judgements;
    for (const auto& question : questions) judgements.push_back(ask(question));
    return judgements;
  }

 private:
  std::optional<Judgement> ask(const Question& question) {
    const auto request = ledger_.add(ledger::ComparisonRequest{.prompt = ledger::id_of(question.prompt),
                                                               .stage = stage_,
                                                               .first = ledger::id_of(question.first),
                                                               .second = ledger::id_of(question.second),
                                                               .unit = question.unit,
                                                               .annotator = who_});
    const auto answers = ledger_.answers_to(request);
    if (answers.empty()) return std::nullopt;
    return judgement_of(answers.front());
  }

  ledger::Ledger& ledger_;
  std::string stage_;
  std::string who_;
};

}  // namespace

std::unique_ptr<Annotator> make_people_annotator(ledger::Ledger& ledger, std::string stage, std::string who) {
  return std::make_unique<PeopleAnnotator>(ledger, std::move(stage), std::move(who));
}

}  // namespace drover::preference
