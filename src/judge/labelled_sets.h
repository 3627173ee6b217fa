#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "judge/labelled_pairs.h"

namespace drover::judge {

/// The sets of judged pairs that drover knows by name: "pandalm", "llmbar".
std::span<const std::string_view> labelled_set_names();
bool is_labelled_set_name(std::string_view name);

/// A set by its name: all .jsonl files of FOLDER/NAME in the order of their names or, without a folder, the part that ships
/// with drover. Throws UserError for another name, and where there are no files.
std::vector<LabelledPair> read_labelled_set(std::string_view name, const std::filesystem::path& folder = {});

}  // namespace drover::judge
