#pragma once

#include <cstdint>
#include <vector>

#include "engine/sampler.h"

namespace drover::engine {

// The steps that leave out improbable tokens. Weights need not sum to 1. What remains is sorted by falling weight, then by id.

double mass_of(const std::vector<Candidate>& candidates);

void keep_top_count(std::vector<Candidate>& candidates, std::int64_t top_k);

/// Keeps the fewest candidates whose weights reach `wanted`; all of them when they do not.
void keep_top_mass(std::vector<Candidate>& candidates, double wanted);

/// Keeps those of at least this share of the largest weight.
void keep_above_share(std::vector<Candidate>& candidates, double min_p);

/// Makes the weights sum to 1.
void normalise(std::vector<Candidate>& candidates);

}  // namespace drover::engine
