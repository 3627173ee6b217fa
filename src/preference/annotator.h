#pragma once

#include <memory>
#include <optional>
#include <string>

#include "chat/preference_row.h"
#include "ledger/facts.h"

namespace drover::preference {

/// What an annotator says about two replies.
struct Judgement {
  enum class Preferred { kFirst, kSecond, kNeither };
  Preferred preferred = Preferred::kNeither;
  chat::PreferenceLevel level = chat::PreferenceLevel::kNone;  ///< kNone exactly when neither is preferred
  std::string reason;
};

/// Whoever compares two replies to one prompt: a verifier, a model, a person. Each says how its own scale becomes the
/// four levels.
class Annotator {
 public:
  virtual ~Annotator() = default;

  /// What names it in the ledger.
  virtual std::string name() const = 0;

  /// Empty when the answer is not there yet because a person must give it: the stage then waits. The two replies are
  /// shown in an order that says nothing about the models they come from.
  virtual std::optional<Judgement> compare(const ledger::Prompt& prompt, const ledger::Generation& first,
                                           const ledger::Generation& second) = 0;
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

}  // namespace drover::preference
