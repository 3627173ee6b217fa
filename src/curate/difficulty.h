#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "curate/row.h"

namespace drover::curate {

/// How many different intentions (InsTag, arXiv:2308.07074) a prompt has, as judge::normalised_tag compares them; more
/// are harder. Nothing when they are unknown.
std::optional<std::int64_t> num_intentions(const Row& row);

/// Quality times difficulty of each row, the order of deduplication (the Llama 3 report, 4.2.3), each in (0, 1]:
/// quality is the larger of the judge's points as a share of the most, and the share of the capability's rewards that
/// are not above the row's; difficulty is the mean of the judge's points as a share of 3 and the intentions as a share
/// of the most of any row. What is unknown counts as the median of the known ones, or 1 when none is known; 0 points
/// and 0 intentions count as 0.01.
std::vector<double> worth_of(std::span<const Row> rows);

}  // namespace drover::curate
