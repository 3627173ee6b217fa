#pragma once

#include "engine/engine.h"

namespace drover::engine {

/// Throws UserError for a request that no memory would make possible on this model: an empty prompt, an unknown token,
/// too many tokens, options out of range.
void refuse_impossible(const SampleRequest& request, const PagedModel& model);
void refuse_impossible(const OutputRequest& request, const PagedModel& model);

}  // namespace drover::engine
