#pragma once

#include <string>

#include "report/run_summary.h"

// The parts of the page, each from its heading to the next; empty where the run has nothing to show yet.

namespace drover::report {

std::string score_section(const RunSummary& summary);     ///< before and after per suite, losses first
std::string round_section(const RunSummary& summary);     ///< what each round did, from prompt to training row
std::string opinion_section(const RunSummary& summary);   ///< annotators, judge, reward models
std::string curve_section(const RunSummary& summary);     ///< losses, margins, accuracies of training
std::string sampling_section(const RunSummary& summary);  ///< rewards of rejection sampling
std::string curation_section(const RunSummary& summary);  ///< what curation dropped and why
std::string mix_section(const RunSummary& summary);       ///< Tables 6 and 7
std::string model_section(const RunSummary& summary);     ///< the family tree
std::string source_section(const RunSummary& summary);    ///< data and licences
std::string option_section(const RunSummary& summary);    ///< stages with options and hashes, recipe, counts of facts

/// A heading with a name that links can point at.
std::string section_heading(const std::string& anchor, const std::string& title);

}  // namespace drover::report
