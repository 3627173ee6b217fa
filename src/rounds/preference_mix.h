#pragma once

#include <span>
#include <string>

#include "rounds/workspace.h"

namespace drover::rounds {

/// Statistics of comparisons with a preference in the columns of Table 6 of the Llama 3 report, in tokens of `model`:
/// the metric "preference mix" with the subject "DATA SET / COLUMN", and the report's own figures as "preference mix of
/// Llama 3". Columns: percent, turns, tokens, prompt_tokens, response_tokens, comparisons.
void record_preference_mix(Workspace& work, const std::string& stage, const ModelRef& model,
                           std::span<const FactSet> comparisons);

}  // namespace drover::rounds
