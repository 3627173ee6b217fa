#pragma once

#include <filesystem>

namespace drover::base {

/// For files that a user names to write into, asked before long work begins. Throws UserError when the folder that it would
/// stand in does not exist, or when it is a folder itself. Anything else, such as a full disk, shows only when it is
/// written. "-", standard output, is always possible.
void check_output_file(const std::filesystem::path& file);

}  // namespace drover::base
