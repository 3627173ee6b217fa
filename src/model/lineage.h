#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "model/model.h"

namespace drover::model {

/// Where a model's weights come from. It stands in config.json as {"drover": {"start": ...}}, a key that other programs pass over.
struct Lineage {
  std::string start;  ///< `weights_hash` of the model that training started from; empty: not known
  bool operator==(const Lineage&) const = default;
};

/// Names a model's weights, head included, rounded to bfloat16: equal whatever type they were loaded in. 32 hexadecimal digits.
std::string weights_hash(const Model& model);

/// What a model folder's config.json says; unknown when there is no such key or it holds something else.
Lineage read_lineage(const std::filesystem::path& folder);

/// The text of a config.json with the lineage added, or as it is when nothing is known.
std::string with_lineage(std::string config_json, const Lineage& lineage);

}  // namespace drover::model
