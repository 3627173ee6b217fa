#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "generate/generator.h"
#include "ledger/ledger.h"
#include "verify/checker.h"

namespace drover::evaluate {

/// A model that answers, and what its answers are recorded under.
struct Responder {
  generate::Generator* generator = nullptr;  ///< borrowed
  std::string tokenizer;                     ///< hash
};

struct ReplyPlan {
  std::string stage;  ///< key of the stage that samples
  generate::SamplingOptions sampling;
  /// When given, each prompt's temperature is drawn evenly between this and the sampling's, by the sampling's seed.
  std::optional<double> lowest_temperature = {};
  std::int64_t num_replies = 1;        ///< to each prompt
  std::int64_t prompts_per_batch = 8;  ///< sampled and recorded together; what a killed run may lose
};

/// The replies of one model to each of these prompts (all of them in the ledger), recorded in it. Batches that the
/// ledger already holds are not sampled again: a stage that was killed goes on where it stopped, and since batches are
/// cut the same way, it gets the same replies as an uninterrupted one.
std::vector<std::vector<ledger::GenerationId>> recorded_replies(const Responder& responder,
                                                                std::span<const ledger::PromptId> prompts,
                                                                const ReplyPlan& plan, ledger::Ledger& ledger,
                                                                const base::OnProgress& on_progress = {});

using verify::text_of;

/// Whether the reply was cut by the length limit, or holds nothing at all.
bool is_cut(const ledger::Generation& generation);

}  // namespace drover::evaluate
