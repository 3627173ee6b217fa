#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "evaluate/recorded_replies.h"
#include "ledger/ledger.h"
#include "preference/annotator.h"
#include "preference/edit.h"

namespace drover::preference {

struct CollectPlan {
  std::string stage;  ///< key of the stage
  generate::SamplingOptions sampling;
  std::int64_t comparisons_per_prompt = 1;
  std::uint64_t seed = 0;  ///< which two models answer, and in which order they are shown
  std::int64_t prompts_per_batch = 8;
  /// What a comparison is about, where the dialog offers no tools; with tools it is always a single message.
  ledger::ComparisonUnit unit = ledger::ComparisonUnit::kMessage;
  Editor* editor = nullptr;  ///< makes preferred replies better; borrowed; empty: they stay as they are
  /// Annotators that see a share of the pairs as well, so that agreement can be measured. What they say is recorded under
  /// second_opinions_of(stage) and never trained on. Borrowed.
  std::vector<Annotator*> second_opinions = {};
  double second_opinion_share = 0.1;
};

/// The key under which second opinions about a stage's pairs are recorded.
std::string second_opinions_of(const std::string& stage);

/// What became of a prompt: how a dialog of many turns goes on.
struct PromptOutcome {
  ledger::PromptId prompt;
  std::optional<ledger::GenerationId> best;  ///< the edited reply, else the preferred one, else the one shown first; empty while it waits
};

/// What was collected. "Two responses from two different models" (Llama 3 report, 4.2.1).
struct Collected {
  std::vector<ledger::ComparisonId> comparisons;  ///< in the order of the prompts
  std::map<chat::PreferenceLevel, std::int64_t> by_level;
  std::int64_t num_waiting = 0;  ///< comparisons that people have not answered yet
  std::int64_t num_equal = 0;    ///< pairs whose replies are the same: nothing to compare
  std::int64_t num_edited = 0;   ///< comparisons with an edited reply: three-way rows
  std::vector<PromptOutcome> outcomes;  ///< one a prompt, by its first comparison

  /// Adds what another call collected.
  void add(const Collected& more);
};

/// Lets two different models answer each prompt, one reply each, shows both to the annotator and records replies and
/// comparison. A comparison that the ledger holds already is not asked for again. Throws UserError when there are fewer
/// than two models.
Collected collect_comparisons(std::span<const ledger::PromptId> prompts,
                              std::span<const evaluate::Responder> responders, Annotator& annotator,
                              const CollectPlan& plan, ledger::Ledger& ledger,
                              const base::OnProgress& on_progress = {});

/// The replies of a comparison, best first: edited, preferred, other.
std::vector<ledger::GenerationId> ranked_replies(const ledger::Comparison& comparison);

/// A comparison as a trainer reads it, best reply first: two replies, or three when one was edited. An edited reply counts
/// as "better" than the one it was made of. The comparison's level must not be kNone (checked).
chat::PreferenceRow preference_row(const ledger::Comparison& comparison, const ledger::Ledger& ledger);

}  // namespace drover::preference
