#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "report/round_counts.h"

namespace drover::report {

/// Data that a run used, and how much of it.
struct DataSource {
  std::string name;
  std::string licence;
  std::string location;       ///< file or generator; empty: not recorded
  std::string hash;           ///< of the content that was read
  std::int64_t prompts = 0;   ///< chosen in the rounds, or of a suite
  std::vector<Count> rows{};  ///< training rows by kind, over all rounds
  bool is_held_out = false;   ///< a suite: measured on, never trained on
};

/// The sources of prompts, comparisons, replies and suites of a run's stages, by name; suites last.
std::vector<DataSource> data_sources(const ledger::Ledger& ledger, const std::vector<std::string>& stage_keys);

}  // namespace drover::report
