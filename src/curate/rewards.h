#pragma once

#include <cstdint>
#include <span>

#include "base/progress.h"
#include "curate/row.h"
#include "generate/scorer.h"

namespace drover::curate {

/// Gives each row without a reward that of its final assistant turn. A row that does not end with one stays without.
/// Returns how many became known. The scorer needs a reward model with a chat format.
std::int64_t fill_rewards(std::span<Row> rows, generate::Scorer& scorer, const base::OnProgress& on_progress = {});

}  // namespace drover::curate
