#pragma once

#include <filesystem>

namespace drover::base {

/// Where scripts/setup keeps models and other state: $DROVER_HOME, else ~/.local/share/drover. It need not exist.
std::filesystem::path drover_home();

}  // namespace drover::base
