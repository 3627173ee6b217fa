#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ledger/ledger.h"

namespace drover::report {

/// What one data set is in a mix, beside the same of the Llama 3 report. Empty: this run, or that report, has none.
struct MixLine {
  std::string dataset;
  std::vector<std::optional<double>> here;    ///< one a column
  std::vector<std::optional<double>> report;  ///< one a column
};

/// A table of the Llama 3 report (arXiv:2407.21783) with the figures of one round.
struct MixTable {
  std::string title;  ///< "Round 1: SFT"
  int number = 7;     ///< in that report
  std::vector<std::string> columns;
  std::vector<MixLine> lines;
};

/// Table 7 from what a "curate" stage left; empty when it left none.
std::optional<MixTable> sft_mix_table(const ledger::Ledger& ledger, std::int64_t round, const std::string& stage);

/// Table 6 from the metrics of a "reward" stage; empty when it has none.
std::optional<MixTable> preference_mix_table(const ledger::Ledger& ledger, std::int64_t round,
                                             const std::string& stage);

}  // namespace drover::report
