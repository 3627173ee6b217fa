#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "model/config.h"

namespace drover::model {

class Decoder;

/// "language", "reward", "steps", "classes".
std::string_view name_of(HeadKind kind);

/// The trunk of `decoder` with a new head: `score` is drawn from a normal distribution with deviation 0.02 by the head's seed, its
/// bias (steps) is zero; trunk parameters are shared, an `lm_head` is left out. Throws UserError when `num_labels` does not fit the
/// kind, or for kLanguage, which cannot be made anew.
std::shared_ptr<const Decoder> with_head(const Decoder& decoder, const Head& head);

}  // namespace drover::model
