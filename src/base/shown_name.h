#pragma once

#include <string>
#include <string_view>

namespace drover::base {

/// A name from a foreign file, fit for a message: at most 80 bytes, control characters and bytes outside ASCII as `\xNN`.
std::string escaped_name(std::string_view name);

/// The same in single quotes.
std::string shown_name(std::string_view name);

}  // namespace drover::base
