#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "evaluate/recorded_replies.h"
#include "ledger/ledger.h"
#include "preference/annotator.h"

namespace drover::preference {

struct CollectPlan {
  std::string stage;  ///< key of the stage
  generate::SamplingOptions sampling;
  std::int64_t comparisons_per_prompt = 1;
  std::uint64_t seed = 0;  ///< which two models answer, and in which order they are shown
  std::int64_t prompts_per_batch = 8;
};

/// What was collected. "Two responses from two different models" (Llama 3 report, 4.2.1).
struct Collected {
  std::vector<ledger::ComparisonId> comparisons;  ///< in the order of the prompts
  std::map<chat::PreferenceLevel, std::int64_t> by_level;
  std::int64_t num_waiting = 0;  ///< comparisons that people have not answered yet
  std::int64_t num_equal = 0;    ///< pairs whose replies are the same tokens: nothing to compare
};

/// Lets two different models answer each prompt, one reply each, shows both to the annotator and records replies and
/// comparison. Throws UserError when there are fewer than two models.
Collected collect_comparisons(std::span<const ledger::PromptId> prompts,
                              std::span<const evaluate::Responder> responders, Annotator& annotator,
                              const CollectPlan& plan, ledger::Ledger& ledger,
                              const base::OnProgress& on_progress = {});

/// A comparison as a trainer reads it, better reply first. Its level must not be kNone (checked).
chat::PreferenceRow preference_row(const ledger::Comparison& comparison, const ledger::Ledger& ledger);

}  // namespace drover::preference
