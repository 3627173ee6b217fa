#pragma once

#include <string>

#include "report/run_summary.h"

namespace drover::report {

/// The models of a run, one a line in the order in which they were made, with lines from each to its parents. Models at
/// the start, reward models, SFT and DPO stand in columns of their own, averages half a column to the right of their
/// variants.
std::string family_tree(const RunSummary& summary);

/// "round 1 sft 1 × 0.5, round 1 sft 2 × 0.5"; hashes where a parent is not among the run's models.
std::string parents_of(const RunSummary& summary, const ledger::ModelFact& model);

}  // namespace drover::report
