#pragma once

#include <memory>
#include <string>

#include "text/matcher.h"

namespace drover::text {

/// Compiles a pattern of the plain form
///   ( ' ?' | '\s?' )?  set  ( '+' | nothing )        or  \s+$
/// where set is \p{L} \p{N} \p{P} \p{S} \p{M} \s \S or a bracket of characters, ranges, those classes and escapes,
/// perhaps negated. Nothing when the pattern has another form.
std::unique_ptr<const Matcher> compile_set_pattern(const std::string& pattern);

}  // namespace drover::text
