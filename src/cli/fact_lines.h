#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace drover::cli {

/// An object of facts for people: "name: value" a line, nested objects and lists indented, control characters made visible.
std::string fact_lines(const nlohmann::ordered_json& facts);

/// "134,515,008": digits in groups of three.
std::string grouped(std::int64_t number);

}  // namespace drover::cli
