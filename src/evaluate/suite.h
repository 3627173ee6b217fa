#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/progress.h"
#include "evaluate/interval.h"
#include "evaluate/recorded_replies.h"
#include "ledger/ledger.h"

namespace drover::evaluate {

/// Held-out prompts with expected answers. Never training prompts.
struct Suite {
  std::string name;
  std::vector<ledger::Prompt> prompts;
};

/// How one model did on a suite.
struct SuiteScore {
  std::string suite;
  std::string model;           ///< hash
  std::vector<bool> is_right;  ///< one a prompt, in the suite's order
  std::int64_t num_right = 0;
  double accuracy = 0;
  Interval interval;  ///< 95%
};

/// Lets a model answer a suite, one reply a prompt, checks the replies and records replies, verdicts and the metric
/// "accuracy" with the suite's name as subject. A reply that was cut is checked as it stands, as published scorers do and
/// as `measure` does; its recorded reason says that it was cut.
SuiteScore score_on(const Suite& suite, const Responder& responder, const ReplyPlan& plan, ledger::Ledger& ledger,
                    const base::OnProgress& on_progress = {});

/// Reads prompts from JSONL: {"messages": [...], "checker": "numeric", "expected": "7", "tags": ["sum"], "difficulty":
/// 0.2}. `checker` and `expected` come together or not at all; `source` and `licence` are recorded with every prompt.
/// Throws UserError with file and line; equal prompts and those in which the user says nothing are refused.
std::vector<ledger::Prompt> read_prompts(const std::filesystem::path& file, const std::string& source,
                                         const std::string& licence);

}  // namespace drover::evaluate
