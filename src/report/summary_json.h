#pragma once

#include "chat/dialog.h"
#include "report/run_summary.h"

namespace drover::report {

/// The figures of the page for programs. Without the texts of replies, which `drover trace` gives.
chat::Json summary_json(const RunSummary& summary);

}  // namespace drover::report
