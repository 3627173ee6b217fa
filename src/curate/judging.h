#pragma once

#include <cstdint>
#include <span>

#include "curate/row.h"
#include "judge/judge.h"

namespace drover::curate {

/// Each of these asks a judge about the rows of which it is not known yet, and returns of how many it became known. An
/// answer that cannot be read leaves a row as it is: unknown. Throws UserError when the judge gives no valid answer at
/// all.

/// The points of the report's rubrics (4.2.3), code's for rows whose capability is code.
std::int64_t judge_quality(std::span<Row> rows, judge::Judge& judge);
/// 1 (easy) to 3 (hard).
std::int64_t judge_difficulty(std::span<Row> rows, judge::Judge& judge);
/// The intentions behind the prompt.
std::int64_t tag_intentions(std::span<Row> rows, judge::Judge& judge);

}  // namespace drover::curate
