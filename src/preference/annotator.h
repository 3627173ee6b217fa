#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "chat/preference_row.h"
#include "judge/judge.h"
#include "ledger/ledger.h"

namespace drover::preference {

/// What an annotator says about two replies.
struct Judgement {
  enum class Preferred { kFirst, kSecond, kNeither };
  Preferred preferred = Preferred::kNeither;
  chat::PreferenceLevel level = chat::PreferenceLevel::kNone;  ///< kNone exactly when neither is preferred
  std::string reason{};
  std::string annotator{};                ///< who decided, where that is not Annotator::name(): a chain's member, a person
  std::vector<chat::Message> edited{};    ///< the preferred reply made better, by a person; empty: it was not edited
  ledger::ComparisonRequestId request{};  ///< what a person was asked; nothing: nobody was
};

/// Two replies to one prompt. They are shown in an order that says nothing about the models they come from.
struct Question {
  ledger::Prompt prompt;
  ledger::Generation first;
  ledger::Generation second;
  ledger::ComparisonUnit unit = ledger::ComparisonUnit::kMessage;
};

/// Whoever compares two replies to one prompt: a verifier, a model, a person. Each says how its own scale becomes the
/// four levels.
class Annotator {
 public:
  virtual ~Annotator() = default;

  /// What names it in the ledger.
  virtual std::string name() const = 0;

  /// Whether it has anything to say about replies to this prompt.
  virtual bool can_compare(const ledger::Prompt& /*prompt*/) const { return true; }

  /// Empty when the answer is not there yet because a person must give it: the stage then waits.
  virtual std::optional<Judgement> compare(const ledger::Prompt& prompt, const ledger::Generation& first,
                                           const ledger::Generation& second) = 0;

  /// Many at once, for annotators that are faster so. One judgement a question.
  virtual std::vector<std::optional<Judgement>> compare_all(std::span<const Question> questions);
};

/// Compares by the prompt's own checker. Its three grades are: right; wrong (an answer that is not the expected one);
/// none (cut, or nothing that could be read as an answer).
///
///   right against none or wrong   significantly better: the difference is not a matter of taste
///   wrong against none            slightly better: the form is right, the content is not
///   the same grade twice          no preference
///
/// Throws UserError for a prompt without a checker.
std::unique_ptr<Annotator> make_verifier_annotator();

/// From which probability of being better on a reply counts as better, by level. Below `marginal` there is no preference.
struct LevelCuts {
  double marginal = 0.55;
  double slight = 0.65;
  double better = 0.75;
  double significant = 0.90;

  /// Throws UserError unless 0.5 < marginal < slight < better < significant < 1.
  void validate() const;

  /// The judgement for the probability that the first reply is better.
  Judgement judgement(double probability_first) const;
};

/// Compares by a judge model that sees the pair in both orders. `judge` is borrowed.
///
///   both orders prefer one reply              better
///   one order prefers it, the other ties      slightly better
///   contradiction, tie, no valid answer       no preference
///
/// A judge that weighs its answers by their probabilities (JudgeOptions::use_probabilities) goes by `cuts` in place of the
/// first two lines. Its name is "judge " and the judge's own.
std::unique_ptr<Annotator> make_judge_annotator(judge::Judge& judge, const LevelCuts& cuts = {});

/// What gives replies to one prompt a number, the better the higher: a reward model, a judge's points. One number a reply;
/// NaN where there is none.
using ReplyScorer =
    std::function<std::vector<double>(const chat::Dialog& prompt, std::span<const std::vector<chat::Message>> replies)>;

/// Compares by the difference of two rewards: the reward model was trained so that sigmoid(difference) is the probability
/// that people prefer the first one (Bradley and Terry), and `cuts` make levels of it. A cut reply is
/// never preferred: where the rewards prefer it there is no preference, nor where a reply has none. Its name is "reward " and `name`.
std::unique_ptr<Annotator> make_reward_annotator(std::string name, ReplyScorer rewards, const LevelCuts& cuts = {});

/// Asks people: writes each question into the ledger as a request (annotation_file.h lets people answer), and answers by the
/// first answer that came. Levels are people's own. Its name is `who`; a comparison carries the name of the person.
/// `ledger` is borrowed; `stage` is the key of the stage that asks.
std::unique_ptr<Annotator> make_people_annotator(ledger::Ledger& ledger, std::string stage, std::string who = "people");

/// Asks one annotator after the other until one has a preference: those that cannot compare are passed over. It waits for a
/// person only when nobody before has a preference. The comparison carries the name of the one that decided; when nobody
/// has a preference, that of the last one asked. Its name is its members' joined by "+".
/// Throws UserError when no member can compare replies to a prompt.
std::unique_ptr<Annotator> make_chain_annotator(std::vector<std::unique_ptr<Annotator>> members);

}  // namespace drover::preference
