#pragma once

#include <map>
#include <string>
#include <string_view>

namespace drover::weights {

/// The longest index that is read; the largest published models need about a megabyte.
inline constexpr std::size_t kMaxSafetensorsIndexBytes = 100'000'000;

/// Parses `model.safetensors.index.json` and returns its weight map: tensor name -> file name. A name listed twice, a file name that
/// is not a plain name in the same folder, or anything that is not such an index throws UserError; `where` names the file.
std::map<std::string, std::string> parse_safetensors_index(std::string_view json, std::string_view where);

}  // namespace drover::weights
