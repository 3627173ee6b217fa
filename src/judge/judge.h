#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "chat/dialog.h"
#include "generate/generator.h"
#include "judge/answer_forms.h"

namespace drover::judge {

struct JudgeOptions {
  /// Uses the probability of each choice, not only the most probable one. Needs AnswerForms::one_of.
  bool use_probabilities = false;
  /// How often a question is put while the answers are invalid: first the most probable answer, then samples.
  std::int64_t max_tries = 3;
  /// After so many questions without one valid answer the judge is given up; 0: never.
  std::int64_t give_up_after = 24;
  std::int64_t questions_per_batch = 24;
  std::int64_t max_list_tokens = 256;  ///< longest answer that is a list
  std::uint64_t seed = 0;

  /// Throws UserError that names the field.
  void validate() const;
};

/// What a judge said to a question with a few possible answers.
struct Choice {
  std::optional<std::size_t> chosen;  ///< index into the choices; empty: no valid answer
  std::vector<double> probabilities;  ///< one a choice, summing to 1; empty without JudgeOptions::use_probabilities

  bool is_valid() const { return chosen.has_value(); }
};

/// What a judge was asked, and how often its answer could not be read.
struct JudgeCounts {
  std::int64_t questions = 0;
  std::int64_t invalid = 0;   ///< no valid answer in all tries
  std::int64_t too_long = 0;  ///< of these: the question did not fit into the model
  std::string last_invalid;   ///< how the last invalid answer began, or why the question failed

  double invalid_share() const {
    return questions == 0 ? 0 : static_cast<double>(invalid) / static_cast<double>(questions);
  }
};

/// A model that answers questions about dialogs. Every answer has a form that is checked: one of a few words, or a JSON
/// list of texts. With `forms` a local model can give no other.
///
/// A judge that never gives a valid answer ends with a UserError (give_up_after), not with an endless loop.
class Judge {
 public:
  /// `generator` is borrowed. Throws UserError for options out of range.
  explicit Judge(generate::Generator& generator, AnswerForms forms = {}, JudgeOptions options = {});

  /// One of `choices` for each question.
  std::vector<Choice> choose(std::span<const std::string> questions, std::span<const std::string> choices);

  /// A JSON list of texts for each question; empty where the answer is none. Objects with a "tag" count as that text.
  std::vector<std::optional<std::vector<std::string>>> list(std::span<const std::string> questions);

  const JudgeCounts& counts() const { return counts_; }
  bool uses_probabilities() const { return options_.use_probabilities; }
  std::string name() const { return generator_.model_name(); }
  base::OnProgress on_progress;

 private:
  // What stands in the place of a valid answer: false, and a reason is kept.
  using Read = std::function<bool(std::size_t question, const generate::Response& response)>;
  void ask(std::span<const std::string> questions, std::int64_t max_tokens,
           const std::shared_ptr<const engine::TokenConstraint>& constraint, const std::string& expected, const Read& read);
  void weigh(std::span<const std::string> questions, std::span<const std::string> choices, std::vector<Choice>& answers);
  std::vector<std::size_t> put(std::span<const std::string> questions, std::span<const std::size_t> open,
                               std::int64_t attempt, std::int64_t max_tokens,
                               const std::shared_ptr<const engine::TokenConstraint>& constraint, const Read& read);
  void count_invalid(std::span<const std::size_t> invalid, std::size_t asked, const std::string& expected);
  void report(std::size_t done, std::size_t total) const;

  generate::Generator& generator_;
  AnswerForms forms_;
  JudgeOptions options_;
  JudgeCounts counts_;
  std::vector<bool> failed_;  // of the questions at hand: could not even be put
};

/// The choice that a text is: the text may stand in white space, quotation marks, brackets or asterisks, and end with a
/// full stop; capitals do not matter. Anything else is no answer.
std::optional<std::size_t> choice_in(std::string_view text, std::span<const std::string> choices);

}  // namespace drover::judge
