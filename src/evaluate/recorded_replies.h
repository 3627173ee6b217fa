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
  std::int64_t prompts_per_batch = 8;  ///< given to the generator at once; no reply depends on it
};

/// The replies of one model to each of these prompts (all of them in the ledger), recorded in it, in order of their
/// samples. Each is on disk within 100 ms of its end (ledger::GroupWriter), while others are still being sampled; the
/// ledger must not be in a batch. Only samples that the ledger lacks are sampled, so a stage that was killed goes on
/// where it stopped. It gets the replies of an uninterrupted one, because a reply depends on the seed, the prompt and
/// the sample's number alone: exactly so on the CPU, up to rounding on other devices, not at all with servers that
/// keep no seed. When `on_progress` throws, what was finished is recorded.
std::vector<std::vector<ledger::GenerationId>> recorded_replies(const Responder& responder,
                                                                std::span<const ledger::PromptId> prompts,
                                                                const ReplyPlan& plan, const ledger::Ledger& ledger,
                                                                const base::OnProgress& on_progress = {});

using verify::text_of;

/// Whether the reply was cut by the length limit, or holds nothing at all.
bool is_cut(const ledger::Generation& generation);

}  // namespace drover::evaluate
