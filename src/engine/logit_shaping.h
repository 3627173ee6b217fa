#pragma once

#include <cstddef>
#include <span>

#include "engine/sampler.h"
#include "engine/sampling_options.h"

namespace drover::engine {

/// Whether bias, penalties, a mask or bans change any logit.
bool are_logits_shaped(const SamplingOptions& options, const SamplingContext& context);

/// Applies bias, penalties, mask and bans, in this order (SamplingOptions). Number: float or double. Ids outside the logits throw
/// InternalError.
template <typename Number>
void shape_logits(std::span<Number> logits, const SamplingOptions& options, const SamplingContext& context);

/// Throws UserError for logits that come from damaged weights: NaN, +inf, or nothing but -inf.
void refuse_damaged(std::span<const float> logits);

}  // namespace drover::engine
