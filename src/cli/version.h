#pragma once

#include <string_view>

namespace drover::cli {

/// "drover 0.1.0".
std::string_view version();

}  // namespace drover::cli
