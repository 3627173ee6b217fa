#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "evaluate/recorded_replies.h"
#include "judge/rubric.h"
#include "ledger/ledger.h"
#include "preference/annotator.h"

namespace drover::preference {

/// What is wrong with a reply, as its author is told; empty: nothing in particular.
using FeedbackSource = std::function<std::string(const ledger::Prompt& prompt, const ledger::Generation& reply)>;

/// What the prompt's checker says about a wrong reply, without the expected answer; empty for a right one and for prompts
/// without a checker.
FeedbackSource verifier_feedback();
/// The first criterion of the rubric that the judge finds unmet. `judge` is borrowed.
FeedbackSource judge_feedback(judge::Judge& judge, const judge::Rubric& rubric);
/// The first of these that has something to say.
FeedbackSource first_feedback(std::vector<FeedbackSource> sources);

/// A judge's points as a number for each reply; `judge` is borrowed.
ReplyScorer judge_scorer(judge::Judge& judge, const judge::Rubric& rubric);

struct EditTask {
  ledger::Prompt prompt;
  ledger::Generation chosen;  ///< in the ledger
};

/// Makes chosen replies better (Llama 3 report, 4.2.1).
class Editor {
 public:
  virtual ~Editor() = default;

  /// The edited reply of each task, recorded in the ledger; empty where none was accepted.
  virtual std::vector<std::optional<ledger::GenerationId>> edit(std::span<const EditTask> tasks) = 0;
};

struct EditOptions {
  std::string stage;  ///< key of the stage that edits
  generate::SamplingOptions sampling;
  FeedbackSource feedback = verifier_feedback();  ///< where it is silent, the model is asked for improvements in general
  ReplyScorer reward = {};  ///< a reward model; may be empty
  ReplyScorer judge = {};   ///< a judge that is above chance; may be empty
};

/// Shows a model the chosen reply and feedback and asks for a better one. What it says is kept only when it is a whole
/// reply that differs, and
///
///   the prompt has a checker: the edit is right, and the chosen reply was not, or a scorer prefers the edit;
///   it has none: a scorer prefers the edit.
///
/// An edit may be a call and nothing else, as where the chosen reply talks in place of calling. A scorer prefers the edit when one of `reward` and `judge` gives it more and neither gives it less. Every edit is
/// recorded as a reply of kind kEdited, with a decision under the rule "edit" that says why it was accepted or not; a
/// resumed stage does not repeat it. Replies that end with a tool call are left as they are. `responder` and `ledger` are
/// borrowed.
std::unique_ptr<Editor> make_model_editor(evaluate::Responder responder, EditOptions options, ledger::Ledger& ledger);

/// Whether two replies hold the same text and the same calls.
bool says_the_same(std::span<const chat::Message> one, std::span<const chat::Message> other);

/// What the model is asked: the dialog, its reply, and the feedback as the user's next message.
chat::Dialog edit_dialog(const EditTask& task, const std::string& feedback);

}  // namespace drover::preference
