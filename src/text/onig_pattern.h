#pragma once

#include <memory>
#include <string>

#include "text/matcher.h"

namespace drover::text {

/// A pattern that Oniguruma runs. Throws UserError when the pattern is wrong, when matching takes too many steps, and
/// in a build without Oniguruma.
std::unique_ptr<const Matcher> compile_onig_pattern(const std::string& pattern);

}  // namespace drover::text
