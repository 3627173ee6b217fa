#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace drover::base {

/// A file or folder of the data that ships with drover ("judge/pandalm.jsonl"), as the running program finds it: in
/// share/drover/data of the folder it is installed in, or in data/ of the source tree it was built in. Empty when it is
/// in neither.
std::optional<std::filesystem::path> shipped_data(std::string_view name);

}  // namespace drover::base
