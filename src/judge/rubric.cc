#include "judge/rubric.h"

#include "base/error.h"
#include "judge/prompts.h"

namespace drover::judge {
namespace {

// What a choice between numbers is worth; `values` are parallel to the choices.
std::optional<double> worth(const Choice& choice, std::span<const double> values) {
  if (!choice.is_valid()) return std::nullopt;
  if (choice.probabilities.empty()) return values[*choice.chosen];
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) sum += choice.probabilities[i] * values[i];
  return sum;
}

}  // namespace

const Rubric& general_rubric() {
  static const Rubric kRubric{
      "general",
      {{"accuracy", "Everything that the message states is correct."},
       {"instruction following", "The message does all of what the user asked, and keeps to every requirement."},
       {"tone and presentation", "The message is polite, clear and well laid out, without filler."}}};
  return kRubric;
}

const Rubric& code_rubric() {
  static const Rubric kRubric{
      "code",
      {{"bug identification", "The code in the message runs without errors and gives right results, also at the edges."},
       {"user intention", "The code in the message does what the user wants, not something near it."}}};
  return kRubric;
}

const Rubric& rubric_named(std::string_view name) {
  for (const auto* rubric : {&general_rubric(), &code_rubric()}) {
    if (rubric->name == name) return *rubric;
  }
  throw base::UserError("There is no rubric named '{}'; there are general and code.", name);
}

std::vector<PointwiseScore> score_replies(Judge& judge, const Rubric& rubric, std::span<const chat::Dialog> dialogs) {
  static const std::vector<std::string> kChoices = {"0", "1"};
  static const std::vector<double> kValues = {0, 1};
  const auto num_criteria = rubric.criteria.size();
  std::vector<std::string> questions;
  for (const auto& dialog : dialogs) {
    for (const auto& criterion : rubric.criteria) questions.push_back(criterion_prompt(dialog, criterion.property));
  }
  const auto answers = judge.choose(questions, kChoices);
  std::vector<PointwiseScore> scores(dialogs.size());
  for (std::size_t i = 0; i < dialogs.size(); ++i) {
    auto& score = scores[i];
    score.points = 0;
    score.is_maximum = true;
    for (std::size_t k = 0; k < num_criteria; ++k) {
      const auto& answer = answers[i * num_criteria + k];
      const auto value = worth(answer, kValues);
      score.by_criterion.push_back(value);
      score.points = value && score.points ? std::optional(*score.points + *value) : std::nullopt;
      score.is_maximum = score.is_maximum && answer.is_valid() && *answer.chosen == 1;
    }
  }
  return scores;
}

std::vector<std::optional<double>> rate_difficulty(Judge& judge, std::span<const chat::Dialog> dialogs) {
  static const std::vector<std::string> kChoices = {"1", "2", "3"};
  static const std::vector<double> kValues = {1, 2, 3};
  std::vector<std::string> questions;
  for (const auto& dialog : dialogs) questions.push_back(difficulty_prompt(dialog));
  std::vector<std::optional<double>> ratings;
  for (const auto& answer : judge.choose(questions, kChoices)) ratings.push_back(worth(answer, kValues));
  return ratings;
}

std::vector<std::optional<bool>> decide(Judge& judge, std::string_view question, std::span<const chat::Dialog> dialogs) {
  static const std::vector<std::string> kChoices = {"no", "yes"};
  std::vector<std::string> questions;
  for (const auto& dialog : dialogs) questions.push_back(binary_prompt(dialog, question));
  std::vector<std::optional<bool>> decisions;
  for (const auto& answer : judge.choose(questions, kChoices)) {
    decisions.push_back(answer.is_valid() ? std::optional(*answer.chosen == 1) : std::nullopt);
  }
  return decisions;
}

}  // namespace drover::judge
