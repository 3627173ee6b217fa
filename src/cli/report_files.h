#pragma once

#include <filesystem>
#include <vector>

#include "report/run_summary.h"

namespace drover::cli {

/// Writes HOME/report.html, and a card into the folder of the model that the last finished round deployed, when that
/// folder lies in the home. Returns what was written, the page first.
std::vector<std::filesystem::path> write_report_files(const std::filesystem::path& home,
                                                      const report::RunSummary& summary);

}  // namespace drover::cli
