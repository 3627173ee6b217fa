#pragma once

#include <string>

#include "report/run_summary.h"

namespace drover::report {

/// The run as one HTML page that needs nothing beside itself and no script: results with intervals first, then what each
/// round did, opinions, training, sampling, curation, mix, models, sources, options. For wide and narrow screens, light
/// and dark, and print. All text of models, data and recipes is escaped.
std::string html_page(const RunSummary& summary);

}  // namespace drover::report
